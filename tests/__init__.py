"""One spec of behaviour, run against any step, and the tests of everything around it.

pytest --step 03                    the spec that holds at 03, in this process
pytest --step 03 --project PATH     the same against a folder of your own
pytest                              every step, a worker process each
pytest --everything                 also what waits, real servers, the browser
"""
