"""How OpenMP waits in the tests."""

import os

# Threads that wait at the end of a parallel region spin, as a rule. Where another process holds a core (a parallel
# test run, a busy build machine), each of the tests' thousands of tiny regions then takes 10 ms instead of 0.01.
# To be set before anything loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
