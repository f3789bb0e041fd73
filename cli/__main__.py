"""`python -m seawall.cli`: the command line of a checkout, without an installed console script."""

from seawall.cli.app import main

if __name__ == "__main__":
    main()
