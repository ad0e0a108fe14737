import os
import subprocess
import sys

import pytest

from pbt_gan.executors import allowance
from pbt_gan.executors.allowance import Allowance, can_be_watched, hold, total_bytes

GB = 1_000_000_000
STAT = "{} (a name) of its own) S 1 {} 0"


@pytest.fixture
def system(tmp_path):
    """Return a function that lays out processes: number → group, resident kB, and the share of them that is its own."""
    (tmp_path / "proc/self").mkdir(parents=True)

    def laid(processes):
        for number, (group, resident, own) in processes.items():
            path = tmp_path / "proc" / str(number)
            path.mkdir(exist_ok=True)
            (path / "stat").write_text(STAT.format(number, group))
            (path / "status").write_text(f"Name:\tx\nVmRSS:\t 99999999 kB\nRssAnon:\t{resident:>8} kB\n")
            if own is not None:
                (path / "smaps_rollup").write_text(f"Pss:  77 kB\nPss_Anon:  {own} kB\n")
        return tmp_path

    return laid


@pytest.fixture
def a_gigabyte(monkeypatch):
    monkeypatch.setattr(allowance, "total_bytes", lambda root: GB)


def test_a_worker_that_has_too_much_is_told_with_what_it_may_have(system, a_gigabyte):
    root = system({10: (10, 200_000, None), 11: (11, 300_000, None), 12: (11, 200_000, None)})
    held = Allowance(0.25, root=root)
    assert held.excess(10) is None
    assert held.excess(11) == "takes 0.512 GB of memory, and may take 0.25 GB (executor.memory_fraction = 0.25)"
    assert held.excess(99) is None, "one that has just ended"


def test_pages_that_children_share_since_a_fork_are_counted_once(system, a_gigabyte):
    root = system({11: (11, 200_000, 110_000), 12: (11, 200_000, 110_000)})
    assert Allowance(0.25, root=root).excess(11) is None
    assert Allowance(0.2, root=root).excess(11) is not None


def test_new_children_are_found_once_a_second(system, a_gigabyte):
    now_s = 0.0
    root = system({10: (10, 100_000, None)})
    held = Allowance(0.25, root=root, clock=lambda: now_s)
    assert held.excess(10) is None
    system({11: (10, 200_000, None)})
    assert held.excess(10) is None
    now_s = 1.0
    assert held.excess(10) is not None


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/memory.max": "1000000\n"}, 1_000_000),
        ({"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/memory.max": "max\n"}, None),
        ({"sys/fs/cgroup/memory.max": "2000000\n"}, 2_000_000),
        (
            {
                "proc/self/cgroup": "9:memory:/a/b\n4:cpu,cpuacct:/a/b\n",
                "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000000\n",
            },
            3_000_000,
        ),
        ({}, None),
    ],
)
def test_the_memory_there_is_is_the_machines_or_that_of_the_tightest_control_group(files, limit, tmp_path):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert total_bytes(tmp_path) == (limit or machine)


def test_a_system_that_does_not_count_is_known(tmp_path):
    assert not can_be_watched(tmp_path)


@pytest.mark.skipif(not can_be_watched(), reason="this system does not tell how much memory a process has")
def test_real_processes_are_counted_with_their_children_and_without_what_is_only_mapped():
    program = """
import mmap, os, sys
mapped = mmap.mmap(-1, 400_000_000)  # shared: with other processes, if there were any
mapped.write(bytes(400_000_000))
if os.fork() == 0:
    own = bytearray(os.urandom(1_000) * 100_000)
    print("ready", flush=True)
    sys.stdin.read()
else:
    os.wait()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        megabyte = 1e6 / total_bytes()
        assert Allowance(90 * megabyte).excess(process.pid) is not None
        assert Allowance(250 * megabyte).excess(process.pid) is None
    finally:
        process.communicate()


def test_torch_is_told_to_keep_to_the_share_of_a_gpu(monkeypatch):
    import torch

    told = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *arguments: told.append(arguments))
    hold(0.25, "cuda:1")
    assert told == [(0.25, "cuda:1")]
