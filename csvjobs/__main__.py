"""python -m csvjobs"""

from csvjobs.cli import main

if __name__ == "__main__":
    main()
