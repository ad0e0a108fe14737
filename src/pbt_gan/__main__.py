"""`python -m pbt_gan` is `pbt-gan`."""

from pbt_gan.cli import main

main()
