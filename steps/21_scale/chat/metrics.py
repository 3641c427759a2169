from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("chat_sockets", "Sockets that are open.")
ENDED = Counter("chat_sockets_ended", "Sockets that have ended.", ["code"])
MESSAGES = Histogram("chat_message_seconds", "Until a message was saved and sent.")

# A browser may close its socket with any code from 3000 to 4999: to count each of them
# on its own would let it make thousands of figures.
CODES = {403, 1000, 1001, 1005, 1006, 1011, 4012, 4013, 4401, 4403, 4429}

# A figure has to be 0 before it is 1: otherwise, Prometheus does not see it grow.
for code in [*CODES, "other"]:
    ENDED.labels(code)


def count_end(code):
    ENDED.labels(code if code in CODES else "other").inc()
