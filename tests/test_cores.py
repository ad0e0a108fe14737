import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt_gan.cores import quota, usable_cores


@pytest.fixture
def system(tmp_path):
    """Return a function that lays out a system's folders: file → content."""

    def laid(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return laid


V1 = "sys/fs/cgroup/cpu,cpuacct"
SYSTEMS = {  # what a system's files say, and how many cores' time that is
    "no control groups at all": ({}, math.inf),
    "version 2, no limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, math.inf),
    "version 2, one core": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1.0),
    "version 2, the outer group is tighter": (
        {
            "proc/self/cgroup": "0::/user.slice/job.scope\n",
            "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/user.slice/job.scope/cpu.max": "800000 100000\n",
        },
        1.5,
    ),
    "version 2, the path is the host's": (
        {"proc/self/cgroup": "0::/docker/0123\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"},
        2.5,
    ),
    "version 1, no limit": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/\n",
            f"{V1}/cpu.cfs_quota_us": "-1\n",
            f"{V1}/cpu.cfs_period_us": "100000\n",
        },
        math.inf,
    ),
    "version 1, nested, beside other controllers": (
        {
            "proc/self/cgroup": "11:memory:/a\n4:cpu,cpuacct:/a/b\n0::/c\n",
            f"{V1}/a/cpu.cfs_quota_us": "50000\n",
            f"{V1}/a/cpu.cfs_period_us": "100000\n",
            f"{V1}/a/b/cpu.cfs_quota_us": "-1\n",
            f"{V1}/a/b/cpu.cfs_period_us": "100000\n",
        },
        0.5,
    ),
    "version 1, where /proc says nothing": (
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
        3.0,
    ),
    "files that make no sense": ({"sys/fs/cgroup/cpu.max": "much\n", "proc/self/cgroup": "0::/\n"}, math.inf),
}


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_the_tightest_quota_of_all_groups_counts(name, system):
    files, cores = SYSTEMS[name]
    assert quota(system(files)) == cores


@given(st.lists(st.one_of(st.none(), st.floats(0.05, 64)), min_size=1, max_size=5), st.integers(1, 16))
def test_workers_never_exceed_a_quota_and_there_is_always_one(tmp_path_factory, quotas, bound):
    root = tmp_path_factory.mktemp("system")
    inside = ""
    for number, cores in enumerate(quotas):
        folder = root / "sys/fs/cgroup" / inside
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text("max 100000" if cores is None else f"{int(cores * 1e5)} 100000")
        inside += f"group-{number}/"
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/" + "/".join(f"group-{number}" for number in range(len(quotas) - 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda pid: set(range(bound)), raising=False)
        patch.delattr(os, "process_cpu_count", raising=False)
        tightest = min((cores for cores in quotas if cores is not None), default=math.inf)
        cores = usable_cores(root)
        assert cores == max(1, min(bound, tightest // 1 if tightest < math.inf else bound))


@pytest.mark.parametrize("newer", [True, False])
def test_the_cores_that_this_process_is_bound_to_count_and_not_those_of_the_machine(newer, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    if newer:
        monkeypatch.delattr(os, "sched_getaffinity")
        monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    assert usable_cores(tmp_path) == 2


def test_where_nothing_binds_a_process_it_has_the_whole_machine(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for found, cores in ((8, 8), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda found=found: found)
        assert usable_cores(tmp_path) == cores
