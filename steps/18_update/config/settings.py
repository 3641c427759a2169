"""Settings of the course site: for your own machine, or from a server's environment."""

import os
from pathlib import Path

import redis
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# Any other word is an error, so nobody is in doubt which of the two a site is.
DEBUG = {"on": True, "off": False}[os.environ.get("DEBUG", "on")]
# Everybody can read this key here. A site that others can reach needs its own.
PUBLIC_KEY = "django-insecure-every-learner-has-this-key-never-put-it-on-a-server"
SECRET_KEY = os.environ.get("SECRET_KEY", PUBLIC_KEY)
if not DEBUG and SECRET_KEY == PUBLIC_KEY:
    raise ImproperlyConfigured("DEBUG is off, so SECRET_KEY has to be one of your own.")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1 localhost").split()

# With DEBUG off, the site is behind a server that speaks HTTPS with the browsers.
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_REDIRECT_EXEMPT = ["^health/$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 3600
# Other sites of the same domain may lack HTTPS, so its owner has to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

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
if "PGDATABASE" in os.environ:  # psycopg itself reads PGHOST, PGUSER and PGPASSWORD
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        "OPTIONS": {"pool": True},
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
STATIC_ROOT = BASE_DIR / "static"
if not DEBUG:
    # The name of a file holds a hash of its content, so it can be kept for ever.
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    STORAGES = {"staticfiles": {"BACKEND": storage}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # Without its own handler, which would print each line once more.
    "loggers": {"django": {}},
}
