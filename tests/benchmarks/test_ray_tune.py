from benchmarks import ray_tune


def test_it_is_skipped_without_ray(monkeypatch, capsys):
    monkeypatch.setattr(ray_tune, "find_spec", lambda name: None)
    assert list(ray_tune.main()) == []
    assert "Ray is not installed" in capsys.readouterr().err
