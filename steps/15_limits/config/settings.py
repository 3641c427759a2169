"""Settings of the course site, for learning on your own machine, not for a server."""

import os
from pathlib import Path

import redis

BASE_DIR = Path(__file__).resolve().parent.parent

# Everybody can read this key here. A site that others can reach needs its own.
SECRET_KEY = "django-insecure-every-learner-has-this-key-never-put-it-on-a-server"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "daphne",
    "chat",
    "courses",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
                    # redis-py 8 gives up after 5 s of silence and closes the socket.
                    "socket_timeout": None,
                    # When Redis is back, the first try meets a dead connection.
                    "retry_on_error": [redis.ConnectionError],
                }
            ],
            # The default of 100 loses messages when a whole class writes at once.
            "capacity": 2000,
        },
    }
}

LOGIN_REDIRECT_URL = "course_list"
LOGOUT_REDIRECT_URL = "login"

TIME_ZONE = "UTC"
STATIC_URL = "static/"
