from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("chat_sockets", "Sockets that are open.")
ENDED = Counter("chat_sockets_ended", "Sockets that have ended.", ["code"])
MESSAGES = Histogram("chat_message_seconds", "Until a message was saved and sent.")
