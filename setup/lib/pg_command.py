"""`setup/pg PROGRAM ARGS…`: one of PostgreSQL's programs on this project's cluster."""

import os
import sys

from runtime import Cluster, told

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: setup/pg psql|createdb|dropdb|pg_dump… ARGS…")
    with told():
        cluster = Cluster().start()
    program, *args = sys.argv[1:]
    os.execv(cluster.bin / program, [program, *cluster.address(), *args])
