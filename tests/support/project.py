"""The Django project under test, loaded into this process."""

import asyncio
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

from tests.support.databases import make_database
from tests.support.places import explain, places_in
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import all_steps

# The step from which on a project has a channel layer, and one that has ASGI.
SINCE_ASGI = "01"
SINCE_LAYER = "03"
FAST_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"


class NotReady(Exception):
    """One sentence for a learner: what the folder lacks, and which chapter adds it."""


class Project:
    """A project folder at a step, set up for in-process tests.

    `application` is its ASGI application (None at step 00), `valkey` the ValkeyServer
    that its REDIS_URL names (None before step 03). The database is a file of its own
    with the demo data in it; the folder's own db.sqlite3 is not touched.
    Raises NotReady if the folder is not a project that can be tested.
    """

    def __init__(self, step, path):
        self.step = step
        self.path = path.resolve()
        self.has_layer = step.number >= SINCE_LAYER
        self._temporary = Path(tempfile.mkdtemp(prefix="spec-"))
        self.valkey = valkey() if self.has_layer else None
        try:
            if self.valkey:
                self.valkey.start()
                os.environ["REDIS_URL"] = url_of(self.valkey)
            self.settings = self._load_settings()
            self._create_database()
            self.application = self._load_application()
        except BaseException:
            self.close()
            raise

    def close(self):
        """Remove what was made for the tests."""
        if self.valkey and self.valkey.is_running():
            self.valkey.stop()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _load_settings(self):
        if not (self.path / "manage.py").is_file():
            raise NotReady(f"{self.path} has no manage.py: choose a project's folder.")
        sys.path.insert(0, str(self.path))
        sys.dont_write_bytecode = True
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        self._import("config.settings")
        import django
        from django.conf import settings

        # Where nothing else is said, a database of a test lives in memory; threads
        # that share one lock each other out.
        with self._explained("config/settings.py"):
            if "sqlite3" in settings.DATABASES["default"]["ENGINE"]:
                settings.DATABASES["default"].update(
                    TEST={"NAME": self._temporary / "test.sqlite3"},
                    OPTIONS={"init_command": "PRAGMA synchronous=OFF"},
                )
            # The real one takes 0.4 s for each password, and is meant to.
            settings.PASSWORD_HASHERS = [FAST_HASHER]
        if self.step.number >= SINCE_ASGI:
            self._refuse_early_imports()
        with self._explained("config/settings.py"):
            django.setup()
        if self.step.number >= SINCE_ASGI and "daphne" not in settings.INSTALLED_APPS:
            raise NotReady(
                "config/settings.py has no 'daphne' in INSTALLED_APPS: "
                f"chapter {SINCE_ASGI} puts it first."
            )
        if self.has_layer:
            if not getattr(settings, "CHANNEL_LAYERS", None):
                raise NotReady(
                    "config/settings.py has no CHANNEL_LAYERS: "
                    f"chapter {SINCE_LAYER} adds them."
                )
            from channels.layers import get_channel_layer

            with self._explained("CHANNEL_LAYERS in config/settings.py"):
                # That of RabbitMQ can be made only where an event loop runs.
                asyncio.run(made_by(get_channel_layer))
        return settings

    def _create_database(self):
        """Migrate a database and load the demo data, or copy one that is like it."""
        from django.db import connection
        from django.test.utils import setup_test_environment

        setup_test_environment()
        target = self._temporary / "test.sqlite3"
        make_database("spec", self.path, target, self._migrate_and_load)
        if target.exists():
            connection.settings_dict["NAME"] = target

    def _migrate_and_load(self):
        from django.core.management import call_command
        from django.db import connection
        from django.test.utils import setup_databases

        with self._explained("manage.py migrate", "fails"):
            # Nothing is read from it yet: a column may be missing, which a test names.
            options = {"interactive": False, "serialized_aliases": ()}
            setup_databases(verbosity=0, **options)
        with self._explained("manage.py loaddata demo", "fails"):
            call_command("loaddata", "demo", verbosity=0)
        from django.contrib.auth import get_user_model
        from django.contrib.auth.hashers import make_password

        get_user_model().objects.update(password=make_password("demo"))
        connection.close()

    def _load_application(self):
        self._import("config.urls")
        if self.step.number < SINCE_ASGI:
            return None
        module = self._import("config.asgi")
        if not hasattr(module, "application"):
            raise NotReady(
                "config/asgi.py has no `application`: "
                f"chapter {SINCE_ASGI} makes it a ProtocolTypeRouter."
            )
        return module.application

    def _refuse_early_imports(self):
        """Import config.asgi up to where it sets Django up, as a server does.

        Only what a model that is imported before that raises counts here: any other
        error comes again later, where it is explained better.
        """
        import django
        from django.core.exceptions import AppRegistryNotReady

        with mock.patch.object(django, "setup", side_effect=InterruptedError):
            try:
                importlib.import_module("config.asgi")
            except AppRegistryNotReady as error:
                raise NotReady(explain(error, self.path, 0))
            except (Exception, SystemExit):
                return

    def _import(self, name):
        with self._explained(f"{name.replace('.', '/')}.py"):
            return importlib.import_module(name)

    @contextlib.contextmanager
    def _explained(self, what, trouble="cannot be used"):
        """Turn any error inside the block into a NotReady: where or `what`, and why."""
        try:
            yield
        except (Exception, SystemExit) as error:
            hint = ""
            if isinstance(error, ModuleNotFoundError):
                hint = chapter_that_adds(error.name)
            reason = explain(error, self.path)
            if not places_in(self.path, error):
                reason = f"{what} {trouble}: {reason}"
            raise NotReady(f"{reason}{hint}")


async def made_by(function):
    """Return what a function makes while an event loop runs."""
    return function()


def chapter_that_adds(module):
    """Return " (chapter 02 adds chat/routing.py.)" if a step has `module`, else ""."""
    path = module.replace(".", "/")
    for step in all_steps():
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if (step.path / file).exists():
                return f" (chapter {step.number} adds {file}.)"
    return ""
