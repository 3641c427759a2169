"""The spec can fail: each mistake in a copy of a step turns the right test red.

Mistakes that learners make, and what `tutorial check` prints, are in tests/chapters.
"""

import re
from dataclasses import dataclass

import pytest

from tests.support.folders import copy_folder
from tests.support.spec_run import run_spec
from tutorial.shared.steps import ROOT, find_step

pytestmark = pytest.mark.waiting

(
    ACCESS,
    ADMIN,
    ASGI,
    BUCKETS,
    CONSUMER,
    FORM,
    GROUPS,
    HEALTH,
    HISTORY,
    LIMITS,
    MESSAGES,
) = (
    "chat/access.py",
    "chat/admin.py",
    "config/asgi.py",
    "chat/buckets.py",
    "chat/consumers.py",
    "chat/forms.py",
    "chat/groups.py",
    "config/health.py",
    "chat/history.py",
    "chat/limits.py",
    "chat/messages.py",
)
(
    LOGIN,
    MIDDLEWARE,
    MIGRATION,
    MODELS,
    PRESENCE,
    ROOMS,
    ROUTING,
    SETTINGS,
    SIGNALS,
    VIEW,
    SCRIPT,
) = (
    "courses/templates/registration/login.html",
    "chat/middleware.py",
    "chat/migrations/0002_message_key.py",
    "chat/models.py",
    "chat/presence.py",
    "chat/rooms.py",
    "chat/routing.py",
    "config/settings.py",
    "chat/signals.py",
    "chat/views.py",
    "chat/static/chat/room.js",
)


@dataclass
class Mutant:
    """In `file` of a step, `right` becomes `wrong`; the test `red` must notice."""

    mistake: str
    step: str
    file: str
    right: str
    wrong: str
    red: str


ENTERS_FIRST = """\
            await self.enter(self.room_group_name)
            await self.send_history()
"""
READS_FIRST = """\
            await self.send_history()
            await self.enter(self.room_group_name)
"""
LEAVES_IN_ANY_CASE = """\
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.room:
                await asyncio.shield(self.leave())
"""
LEAVES_IF_ALL_WENT_WELL = """\
        await super().__call__(scope, receive, send)
        if self.room:
            await self.leave()
"""
REFUSED_AND_LISTED = """\
        else:
            await self.close()
            if room.get("course_id"):
                self.room_group_name = f"chat_{room['course_id']}"
                await self.enter(self.room_group_name)
"""
SAVES_AND_SENDS = """\
            message = await save_message(self.chat_room, self.scope["user"], text)
            await self.channel_layer.group_send(
                self.room_group_name, {"type": "chat.message", **message}
            )
"""
SENDS_AND_SAVES = """\
            message = {"number": 1, "message": text, "user": "alice", "time": ""}
            await self.channel_layer.group_send(
                self.room_group_name, {"type": "chat.message", **message}
            )
            await save_message(self.chat_room, self.scope["user"], text)
"""
JOINS_AND_READS = """\
            await self.channel_layer.group_add(self.room_group_name, self.channel_name)
            await self.accept()
            await self.enter(self.room_group_name)
            await self.send_history()
"""
READS_AND_JOINS = """\
            await self.accept()
            await self.send_history()
            await self.channel_layer.group_add(self.room_group_name, self.channel_name)
            await self.enter(self.room_group_name)
"""
LOCKS_AND_READS = """\
    ChatRoom.objects.filter(id=room.id).update(last_number=F("last_number") + 1)
    room.refresh_from_db(fields=["last_number"])
"""
READS_AND_WRITES = """\
    room.refresh_from_db(fields=["last_number"])
    ChatRoom.objects.filter(id=room.id).update(last_number=F("last_number") + 1)
    room.last_number += 1
"""
LOOKS_ALONE = """\
        async with self.room.lock:
            if event["time"] >= self.room.looked:
                await self.room.look()
"""
LOOKS_ANY_TIME = """\
        if event["time"] >= self.room.looked:
            await self.room.look()
"""
SURVIVES = """\
            try:
                async with self.lock:
                    await self.look()
            except Exception:  # the next beat makes up for it
                logger.exception("A heartbeat of %s has failed", self.key)
"""
DOES_NOT_SURVIVE = """\
            async with self.lock:
                await self.look()
"""
CANCELS = """\
            if not self.room.consumers:
                self.room.heart.cancel()
"""
SESSION_IS_DELETED = """\
@receiver(post_delete, sender=Session)
def session_deleted(instance, **kwargs):
    \"\"\"Called when somebody has signed out, or has got a new session.\"\"\"
    check_access(f"user_{instance.get_decoded().get(SESSION_KEY)}")
"""
USER_SIGNS_OUT = """\
from django.contrib.auth.signals import user_logged_out


@receiver(user_logged_out)
def user_signs_out(user, **kwargs):
    check_access(f"user_{user.id}")
"""
SAYS_THAT_IT_STOPS = """\
        except asyncio.CancelledError:  # the server stops, or waits no longer
            await self.close(4012)
"""

MUTANTS = [
    Mutant(
        "the socket does not ask who is enrolled",
        "05",
        CONSUMER,
        "user.is_authenticated and await user.courses.filter(id=course_id).aexists()",
        "user.is_authenticated",
        "spec/test_handshake.py::test_a_user_who_is_not_enrolled_is_refused",
    ),
    Mutant(
        "the socket does not ask who is signed in",
        "05",
        CONSUMER,
        "user.is_authenticated and await",
        "await",
        "spec/test_handshake.py::test_anonymous_visitors_are_refused",
    ),
    Mutant(
        "the room page does not ask who is enrolled",
        "01",
        VIEW,
        "if course is None:",
        "if False:",
        "spec/test_pages.py::test_users_who_are_not_enrolled_cannot_open_the_room_page",
    ),
    Mutant(
        "the room page may be cached",
        "01",
        VIEW,
        "@never_cache\n",
        "",
        "spec/test_pages.py::test_the_room_page_is_never_cached",
    ),
    Mutant(
        "a message is shown as HTML",
        "05",
        SCRIPT,
        "item.textContent = data.message",
        "item.innerHTML = data.message",
        "browser/test_room.py::"
        "test_both_people_see_who_wrote_each_message_and_which_are_their_own",
    ),
    Mutant(
        "a person who leaves stays a member",
        "03",
        CONSUMER,
        "if self.room_group_name:",
        "if False:",
        "spec/test_messages.py::test_a_closed_socket_is_removed_from_its_group",
    ),
    Mutant(
        "an error is sent to the whole room",
        "05",
        CONSUMER,
        'await self.send(text_data=json.dumps({"error": error.message}))',
        "await self.channel_layer.group_send(self.room_group_name, "
        '{"type": "chat.message", "message": error.message, "user": "", "time": ""})',
        "spec/test_bad_input.py::test_bad_input_returns_an_error_only_to_its_sender",
    ),
    Mutant(
        "the sender chooses the name of the author",
        "04",
        CONSUMER,
        'self.scope["user"].username',
        'json.loads(text_data).get("user", self.scope["user"].username)',
        "spec/test_context.py::test_a_sender_cannot_forge_the_author_or_the_time",
    ),
    Mutant(
        "all rooms are one group",
        "03",
        CONSUMER,
        'f"chat_{course_id}"',
        '"chat"',
        "spec/test_messages.py::test_a_message_does_not_reach_another_room",
    ),
    Mutant(
        "redis-py may give up after five seconds",
        "05",
        SETTINGS,
        '"socket_timeout": None,',
        "",
        "spec/test_load.py::"
        "test_a_socket_that_was_idle_for_six_seconds_still_receives_messages",
    ),
    Mutant(
        "an address accepts a name of any length",
        "06",
        ROOMS,
        "{{1,{max_length}}}",
        "+",
        "spec/test_rooms.py::test_nobody_can_connect_to_a_name_that_is_not_valid",
    ),
    Mutant(
        "the socket accepts longer names than the page",
        "06",
        ROUTING,
        "<short_slug:",
        "<slug:",
        "spec/test_rooms.py::"
        "test_the_form_the_page_and_the_socket_agree_on_the_longest_name",
    ),
    Mutant(
        "the form accepts longer names than the page",
        "06",
        FORM,
        "max_length=ShortSlugConverter.max_length",
        "max_length=90",
        "spec/test_rooms.py::"
        "test_the_form_the_page_and_the_socket_agree_on_the_longest_name",
    ),
    Mutant(
        "a frame has no type",
        "07",
        CONSUMER,
        '("type", "message", "user", "time")',
        '("message", "user", "time")',
        "spec/test_presence.py::test_every_frame_has_a_type_and_all_its_keys",
    ),
    Mutant(
        "a person who is refused is listed",
        "07",
        CONSUMER,
        "        else:\n            await self.close()\n",
        REFUSED_AND_LISTED,
        "spec/test_presence.py::test_a_user_who_is_refused_is_never_listed",
    ),
    Mutant(
        "names are cut at their first space",
        "07",
        PRESENCE,
        'entry.decode().partition(" ")[2]',
        "entry.decode().split()[1]",
        "spec/test_presence.py::test_any_username_arrives_unchanged",
    ),
    Mutant(
        "two consumers look at the same time",
        "07",
        PRESENCE,
        LOOKS_ALONE,
        LOOKS_ANY_TIME,
        "spec/test_presence.py::"
        "test_a_late_answer_from_redis_does_not_undo_a_newer_one",
    ),
    Mutant(
        "every consumer reads the list",
        "07",
        PRESENCE,
        'event["time"] >= self.room.looked',
        "True",
        "spec/test_presence.py::test_a_process_reads_the_list_once_for_all_its_sockets",
    ),
    Mutant(
        "sites that share a Redis share their lists",
        "07",
        PRESENCE,
        "{channel_layer.prefix}:",
        "",
        "spec/test_presence.py::"
        "test_two_sites_with_different_prefixes_do_not_share_their_lists",
    ),
    Mutant(
        "a person whose consumer raises an error stays on the list",
        "08",
        PRESENCE,
        LEAVES_IN_ANY_CASE,
        LEAVES_IF_ALL_WENT_WELL,
        "spec/test_heartbeat.py::test_a_person_whose_consumer_fails_leaves_the_room",
    ),
    Mutant(
        "the heartbeat of an empty room goes on",
        "08",
        PRESENCE,
        CANCELS,
        "",
        "spec/test_heartbeat.py::test_an_empty_room_sends_no_commands_to_redis",
    ),
    Mutant(
        "an error silently ends the heartbeat",
        "08",
        PRESENCE,
        SURVIVES,
        DOES_NOT_SURVIVE,
        "spec/test_heartbeat.py::"
        "test_a_heartbeat_that_fails_is_logged_and_the_next_one_works",
    ),
    Mutant(
        "a server whose list has been lost believes that everybody has left",
        "08",
        PRESENCE,
        "users |= self.users",
        "pass",
        "spec/test_heartbeat.py::"
        "test_a_person_who_enters_after_redis_has_lost_the_lists_removes_nobody",
    ),
    Mutant(
        "the group is not joined again",
        "08",
        PRESENCE,
        "                await consumer.join()\n",
        "                pass\n",
        "spec/test_heartbeat.py::"
        "test_the_lists_are_correct_again_after_redis_has_lost_them",
    ),
    Mutant(
        "a command is not tried again when Redis is back",
        "08",
        SETTINGS,
        '"retry_on_error": [redis.ConnectionError],',
        "",
        "servers/test_valkey_restart.py::"
        "test_when_valkey_is_back_the_first_try_works_and_no_traceback_is_logged",
    ),
    Mutant(
        "a message is sent before it is saved",
        "09",
        CONSUMER,
        SAVES_AND_SENDS,
        SENDS_AND_SAVES,
        "spec/test_history.py::test_a_message_is_saved_before_anybody_receives_it",
    ),
    Mutant(
        "the history is read before the group is joined",
        "09",
        CONSUMER,
        JOINS_AND_READS,
        READS_AND_JOINS,
        "spec/test_history.py::"
        "test_a_newcomer_misses_nothing_that_is_said_while_they_enter",
    ),
    Mutant(
        "all rooms count together",
        "09",
        HISTORY,
        "ChatRoom.objects.filter(id=room.id).update(",
        "ChatRoom.objects.update(",
        "spec/test_history.py::test_a_room_numbers_its_messages_from_one_without_gaps",
    ),
    Mutant(
        "a transaction reads the last number before it locks the room",
        "09",
        HISTORY,
        LOCKS_AND_READS,
        READS_AND_WRITES,
        "servers/test_history.py::"
        "test_messages_of_two_servers_are_numbered_without_gaps",
    ),
    Mutant(
        "the history is that of all rooms",
        "09",
        HISTORY,
        "room.messages.select_related",
        "type(room).messages.rel.related_model.objects.select_related",
        "spec/test_history.py::test_the_history_is_for_those_who_may_enter_only",
    ),
    Mutant(
        "the history is longer than a frame may be",
        "09",
        CONSUMER,
        "json.dumps(frame, ensure_ascii=False)",
        "json.dumps(frame)",
        "spec/test_history.py::"
        "test_a_room_full_of_the_longest_messages_fits_into_a_frame",
    ),
    Mutant(
        "a deleted user takes their messages along",
        "09",
        MODELS,
        "models.SET_NULL",
        "models.CASCADE",
        "spec/test_history.py::"
        "test_the_messages_of_a_deleted_user_stay_under_a_name_that_says_so",
    ),
    Mutant(
        "the page shows a message twice",
        "09",
        SCRIPT,
        "if (messages.has(data.number))",
        "if (false)",
        "browser/test_history.py::test_a_message_that_arrives_twice_is_shown_once",
    ),
    Mutant(
        "the page shows messages in the order in which they arrive",
        "09",
        SCRIPT,
        "if (number < last)",
        "if (false)",
        "browser/test_history.py::"
        "test_messages_are_shown_in_the_order_of_their_numbers",
    ),
    Mutant(
        "earlier messages are the newest again",
        "10",
        HISTORY,
        "messages.filter(number__lt=before)",
        "messages",
        "spec/test_archive.py::"
        "test_earlier_messages_come_fifty_at_a_time_the_oldest_first",
    ),
    Mutant(
        "true is a number",
        "10",
        MESSAGES,
        'type(content["before"]) is not int',
        'not isinstance(content["before"], int)',
        "spec/test_archive.py::test_a_number_that_is_not_whole_returns_an_error",
    ),
    Mutant(
        "a message is lost when its frame asks for earlier ones, too",
        "10",
        MESSAGES,
        'list(content) == ["before"]',
        '"before" in content',
        "spec/test_archive.py::test_a_message_is_said_whatever_else_its_frame_asks_for",
    ),
    Mutant(
        "earlier messages push down what somebody reads",
        "10",
        SCRIPT,
        "    log.scrollTop = log.scrollHeight - fromEnd;\n",
        "",
        "browser/test_history.py::"
        "test_earlier_messages_are_added_above_the_place_where_one_reads",
    ),
    Mutant(
        "a message in the admin protects its course",
        "10",
        ADMIN,
        'return "chat_message" not in request.resolver_match.url_name',
        "return False",
        "spec/test_archive.py::"
        "test_a_course_can_be_deleted_in_the_admin_with_its_messages",
    ),
    Mutant(
        "the history is read out",
        "10",
        SCRIPT,
        "    hush();\n",
        "",
        "browser/test_accessibility.py::"
        "test_the_log_is_busy_while_old_messages_are_added_and_not_for_new_ones",
    ),
    Mutant(
        "nothing is read out any more",
        "10",
        SCRIPT,
        'log.ariaBusy = "false"',
        "null",
        "browser/test_accessibility.py::"
        "test_the_log_is_busy_while_old_messages_are_added_and_not_for_new_ones",
    ),
    Mutant(
        "all pages come back at the same moment",
        "11",
        SCRIPT,
        "Math.random() * Math.min",
        "Math.min",
        "browser/test_reconnect.py::test_a_page_waits_a_random_part_of_five_seconds",
    ),
    Mutant(
        "the longest wait stays the same",
        "11",
        SCRIPT,
        "5 * 2 ** failures",
        "5",
        "browser/test_reconnect.py::"
        "test_each_failure_doubles_the_longest_wait_up_to_thirty_seconds",
    ),
    Mutant(
        "a socket that was opened counts as a success",
        "11",
        SCRIPT,
        """\
  button.disabled = false;
}

function received(event) {
  failures = 0;
""",
        """\
  button.disabled = false;
  failures = 0;
}

function received(event) {
""",
        "browser/test_reconnect.py::test_only_a_frame_shows_that_a_server_works_again",
    ),
    Mutant(
        "a refused page tries again for ever",
        "11",
        SCRIPT,
        "socket.onclose = failed;",
        "socket.onclose = lost;",
        "browser/test_reconnect.py::test_nothing_makes_a_refused_page_try_again",
    ),
    Mutant(
        "a server that has failed is taken for one that refuses",
        "11",
        SCRIPT,
        "[0, 403].includes(page?.status)",
        "page && !page.ok",
        "browser/test_reconnect.py::test_a_page_tries_again_when_the_server_is_down",
    ),
    Mutant(
        "earlier messages are asked for before the history has come",
        "11",
        SCRIPT,
        """\
  button.disabled = false;
}
""",
        """\
  button.disabled = earlier.disabled = false;
}
""",
        "browser/test_reconnect.py::"
        "test_earlier_messages_can_be_asked_for_only_while_connected",
    ),
    Mutant(
        "the page has a gap",
        "11",
        SCRIPT,
        "if (first > last + 1)",
        "if (false)",
        "browser/test_reconnect.py::test_a_page_with_a_hole_begins_again",
    ),
    Mutant(
        "missed messages move what somebody reads",
        "11",
        SCRIPT,
        "if (isEarlier)",
        "if (true)",
        "browser/test_reconnect.py::"
        "test_missed_messages_are_added_below_the_place_where_one_reads",
    ),
    Mutant(
        "what a page has missed is not read out",
        "11",
        SCRIPT,
        "if (isEarlier || !log.ariaBusy)",
        "if (true)",
        "browser/test_accessibility.py::test_what_a_page_has_missed_is_read_out",
    ),
    Mutant(
        "missed messages come from the end",
        "12",
        HISTORY,
        "messages.filter(number__gt=after).reverse()",
        "messages.filter(number__gt=after)",
        "spec/test_catch_up.py::"
        "test_missed_messages_come_fifty_at_a_time_the_oldest_first",
    ),
    Mutant(
        "a page does not ask for a gap",
        "12",
        SCRIPT,
        "if (row < last && row !== asked)",
        "if (false)",
        "browser/test_catch_up.py::"
        "test_a_page_asks_immediately_and_once_for_a_message_that_is_missing",
    ),
    Mutant(
        "a page asks for the same gap without end",
        "12",
        SCRIPT,
        "row < last && row !== asked",
        "row < last",
        "browser/test_catch_up.py::"
        "test_a_page_does_not_repeat_a_question_that_brought_nothing",
    ),
    Mutant(
        "a page that has come back does not ask again",
        "12",
        SCRIPT,
        "  asked = null;\n  entered",
        "  entered",
        "browser/test_catch_up.py::"
        "test_a_page_asks_again_when_it_has_come_back_before_the_answer",
    ),
    Mutant(
        "a page asks for all that it has missed, however much",
        "12",
        SCRIPT,
        "|| (!entered && first - row > 201)",
        "",
        "browser/test_catch_up.py::"
        "test_a_page_that_has_missed_more_than_two_hundred_begins_again",
    ),
    Mutant(
        "a message clears a page that is still catching up",
        "12",
        SCRIPT,
        "!entered && ",
        "",
        "browser/test_catch_up.py::"
        "test_a_message_that_comes_while_a_page_catches_up_removes_nothing",
    ),
    Mutant(
        "a heartbeat asks before the history has come",
        "12",
        SCRIPT,
        "else if (entered)",
        "else if (socket.readyState === WebSocket.OPEN)",
        "browser/test_catch_up.py::"
        "test_a_heartbeat_asks_for_nothing_before_the_history_has_come",
    ),
    Mutant(
        "a page waits for a dead socket",
        "12",
        SCRIPT,
        "if (silent > 2)",
        "if (false)",
        "browser/test_catch_up.py::"
        "test_a_page_gives_a_silent_socket_up_within_fifteen_seconds",
    ),
    Mutant(
        "a frame does not show that a socket is alive",
        "12",
        SCRIPT,
        "failures = silent = 0",
        "failures = 0",
        "browser/test_catch_up.py::test_any_frame_shows_that_a_socket_is_alive",
    ),
    Mutant(
        "a refused page goes on with its heartbeat",
        "12",
        SCRIPT,
        "async function failed() {\n  clearInterval(heartbeat);",
        "async function failed() {",
        "browser/test_catch_up.py::"
        "test_a_page_that_waits_or_was_refused_has_no_heartbeat",
    ),
    Mutant(
        "a hidden tab counts nothing",
        "12",
        SCRIPT,
        "document.hidden ? seen ?? last : last",
        "last",
        "browser/test_catch_up.py::"
        "test_the_title_counts_each_message_that_came_to_a_hidden_tab_once",
    ),
    Mutant(
        "a tab counts what was said before it was opened",
        "12",
        SCRIPT,
        "seen ?? last : last",
        "seen ?? 0 : last",
        "browser/test_catch_up.py::"
        "test_a_tab_that_was_opened_in_the_background_counts_what_comes_later",
    ),
    Mutant(
        "the count stays in the title",
        "12",
        SCRIPT,
        'addEventListener("visibilitychange", countUnseen)',
        "hasFocus()",
        "browser/test_catch_up.py::"
        "test_the_title_counts_each_message_that_came_to_a_hidden_tab_once",
    ),
    Mutant(
        "the first message of a room is not read out",
        "12",
        SCRIPT,
        "!log.ariaBusy",
        "last === 0",
        "browser/test_accessibility.py::test_the_first_message_of_a_room_is_read_out",
    ),
    Mutant(
        "a draft is read out",
        "13",
        SCRIPT,
        ', ariaLive: "off"',
        "",
        "browser/test_accessibility.py::"
        "test_a_message_of_ones_own_is_read_out_once_when_it_has_been_saved",
    ),
    Mutant(
        "a key is not unique",
        "13",
        MIGRATION,
        "fields=('room', 'user', 'key')",
        "fields=('room', 'user', 'key', 'number')",
        "spec/test_outbox.py::"
        "test_a_message_that_is_sent_again_is_saved_once_and_answered_again",
    ),
    Mutant(
        "a key belongs to all authors",
        "13",
        MIGRATION,
        "fields=('room', 'user', 'key')",
        "fields=('room', 'key')",
        "spec/test_outbox.py::test_a_key_belongs_to_one_author_and_one_room",
    ),
    Mutant(
        "only the beginning of a key is checked",
        "13",
        MESSAGES,
        "KEY.fullmatch(key)",
        "KEY.match(key)",
        "spec/test_outbox.py::test_a_key_that_is_no_short_text_returns_an_error",
    ),
    Mutant(
        "a message that is sent again takes a number",
        "13",
        HISTORY,
        "@database_sync_to_async\n@transaction.atomic\n",
        "@database_sync_to_async\n",
        "spec/test_outbox.py::"
        "test_a_message_that_is_sent_again_leaves_no_gap_in_the_numbers",
    ),
    Mutant(
        "everybody receives the key, and nobody an answer",
        "13",
        CONSUMER,
        'await self.send(text_data=json.dumps({**event, "key": key}))',
        'event["key"] = key',
        "spec/test_outbox.py::"
        "test_the_sender_receives_an_answer_with_the_key_before_the_message",
    ),
    Mutant(
        "an old message that is sent again hides those after it",
        "13",
        SCRIPT,
        "data.number > row ? [data] : []",
        "[data]",
        "browser/test_history.py::"
        "test_an_old_message_that_is_sent_again_hides_none_of_those_after_it",
    ),
    Mutant(
        "a page that has come back sends nothing again",
        "13",
        SCRIPT,
        "    entered = true;\n    sendNext();\n",
        "    entered = true;\n",
        "browser/test_outbox.py::"
        "test_a_message_without_an_answer_is_sent_again_under_its_key",
    ),
    Mutant(
        "a page does not wait for an answer before it sends the next message",
        "13",
        SCRIPT,
        "if (outbox.size === 1)",
        "if (true)",
        "browser/test_outbox.py::test_messages_are_sent_one_after_the_other",
    ),
    Mutant(
        "new messages come below the drafts",
        "13",
        SCRIPT,
        "log.insertBefore(item, draft)",
        "log.append(item)",
        "browser/test_outbox.py::test_a_message_is_sending_until_the_answer_comes",
    ),
    Mutant(
        "the outbox is not stored",
        "13",
        SCRIPT,
        "sessionStorage.setItem(stored, JSON.stringify([...outbox]));",
        "",
        "browser/test_outbox.py::test_a_reload_keeps_what_has_not_been_sent",
    ),
    Mutant(
        "a refused message stays in the outbox",
        "13",
        SCRIPT,
        "    fail(data.error);\n",
        "",
        "browser/test_outbox.py::"
        "test_a_refused_message_is_given_back_or_marked_and_the_next_is_sent",
    ),
    Mutant(
        "a page does not notice that somebody else has signed in",
        "13",
        SCRIPT,
        "if (data.user !== username)",
        "if (false)",
        "browser/test_outbox.py::"
        "test_a_page_of_somebody_who_has_signed_out_sends_nothing",
    ),
    Mutant(
        "what was not sent stays in the tab after signing out",
        "13",
        LOGIN,
        "{% if not next %}",
        "{% if False %}",
        "browser/test_outbox.py::"
        "test_what_was_not_sent_is_removed_when_its_author_signs_out",
    ),
    Mutant(
        "an expired session removes what was not sent",
        "13",
        LOGIN,
        "{% if not next %}",
        "{% if True %}",
        "browser/test_outbox.py::test_what_was_not_sent_outlives_a_session",
    ),
    Mutant(
        "a change while somebody enters is overlooked",
        "14",
        CONSUMER,
        "            await self.access_changed()\n",
        "",
        "spec/test_may_stay.py::test_a_change_while_somebody_enters_is_not_overlooked",
    ),
    Mutant(
        "a consumer asks the session of its handshake",
        "14",
        ACCESS,
        'SessionStore(self.scope["session"].session_key)',
        'self.scope["session"]',
        "spec/test_may_stay.py::test_signing_out_closes_the_sockets_of_this_browser",
    ),
    Mutant(
        "a consumer does not ask who is on the course",
        "14",
        ACCESS,
        "not await may_enter(user, self.chat_room.course_id)",
        "False",
        "spec/test_may_stay.py::test_a_student_who_is_off_the_course_is_out_of_its_room",
    ),
    Mutant(
        "a frame that comes after the close is served",
        "14",
        ACCESS,
        "        raise StopConsumer\n",
        "",
        "spec/test_may_stay.py::test_nothing_that_comes_after_the_close_is_said",
    ),
    Mutant(
        "only signing out is noticed, not the end of a session",
        "14",
        SIGNALS,
        SESSION_IS_DELETED,
        USER_SIGNS_OUT,
        "spec/test_may_stay.py::"
        "test_signing_in_as_somebody_else_closes_the_sockets_of_this_browser",
    ),
    Mutant(
        "consumers check before the change is committed",
        "14",
        SIGNALS,
        "on_commit(lambda: async_to_sync(send_check)(layer, group_name), robust=True)",
        "async_to_sync(send_check)(layer, group_name)",
        "spec/test_may_stay.py::"
        "test_nobody_is_asked_to_check_before_a_change_is_committed",
    ),
    Mutant(
        "nobody can sign out while Redis does not answer",
        "14",
        SIGNALS,
        ", robust=True",
        "",
        "spec/test_may_stay.py::"
        "test_a_site_whose_redis_does_not_answer_can_still_sign_people_out",
    ),
    Mutant(
        "whoever signs in waits for a Redis that hangs",
        "14",
        SIGNALS,
        "PATIENCE = 2 ",
        "PATIENCE = None ",
        "servers/test_may_stay.py::"
        "test_whoever_signs_in_or_out_does_not_wait_for_a_redis_that_hangs",
    ),
    Mutant(
        "a page asks for itself before a new session's cookie has arrived",
        "14",
        "chat/static/chat/room.js",
        "setTimeout(done, 1000)",
        "setTimeout(done, 0)",
        "browser/test_may_stay.py::"
        "test_a_page_asks_only_when_the_cookie_of_a_new_session_has_arrived",
    ),
    Mutant(
        "a course that is emptied at once keeps its people",
        "14",
        SIGNALS,
        'action in ("post_remove", "post_clear")',
        'action == "post_remove"',
        "spec/test_may_stay.py::test_a_student_who_is_off_the_course_is_out_of_its_room",
    ),
    Mutant(
        "a user who leaves a course is taken for a course",
        "14",
        SIGNALS,
        '"chat" if isinstance(instance, Course) else "user"',
        '"chat"',
        "spec/test_may_stay.py::test_a_student_who_is_off_the_course_is_out_of_its_room",
    ),
    Mutant(
        "a heartbeat renews only the group of the room",
        "14",
        PRESENCE,
        "                await consumer.join()\n",
        "                await consumer.channel_layer.group_add(\n"
        "                    consumer.room_group_name, consumer.channel_name\n"
        "                )\n",
        "spec/test_may_stay.py::"
        "test_who_may_no_longer_stay_is_out_although_redis_has_forgotten_all",
    ),
    Mutant(
        "a consumer stays in the group of its user",
        "14",
        PRESENCE,
        """\
        for name in self.group_names:
            await self.channel_layer.group_discard(name, self.channel_name)
""",
        """\
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
""",
        "spec/test_may_stay.py::test_a_consumer_leaves_the_group_of_its_user",
    ),
    Mutant(
        "the page ignores the codes",
        "14",
        SCRIPT,
        "[4401, 4403].includes(code) ? failed() : lost()",
        "lost()",
        "browser/test_may_stay.py::test_a_page_whose_user_may_not_come_back_stops",
    ),
    Mutant(
        "the page trusts the code alone",
        "14",
        SCRIPT,
        "[4401, 4403].includes(code) ? failed() : lost()",
        '[4401, 4403].includes(code) ? stop("Out.", "Reload") : lost()',
        "browser/test_may_stay.py::"
        "test_a_page_connects_again_when_its_user_may_come_back",
    ),
    Mutant(
        "the page sends while it asks whether it may come back",
        "14",
        SCRIPT,
        'async function failed() {\n  leave("The connection is lost.");',
        "async function failed() {\n  clearInterval(heartbeat);",
        "browser/test_may_stay.py::"
        "test_a_page_sends_nothing_while_it_asks_whether_it_may_come_back",
    ),
    Mutant(
        "a reload empties the field",
        "14",
        SCRIPT,
        'addEventListener("pagehide"',
        'addEventListener("nothing"',
        "browser/test_may_stay.py::"
        "test_what_is_in_the_field_is_there_again_until_it_is_sent",
    ),
    Mutant(
        "what has been sent comes back in the field",
        "14",
        SCRIPT,
        "sessionStorage.removeItem(typed);\n",
        "",
        "browser/test_may_stay.py::"
        "test_what_is_in_the_field_is_there_again_until_it_is_sent",
    ),
    Mutant(
        "the script empties a field in which somebody types",
        "14",
        SCRIPT,
        "input.value ||=",
        "input.value =",
        "browser/test_may_stay.py::"
        "test_what_somebody_types_before_the_script_is_loaded_stays",
    ),
    Mutant(
        "a bucket is never filled again",
        "15",
        BUCKETS,
        "self.rate * (self.time - before)",
        "0",
        "spec/test_limits.py::test_who_has_waited_may_send_again",
    ),
    Mutant(
        "a bucket is filled without bound",
        "15",
        BUCKETS,
        "min(self.size, self.tokens + new)",
        "self.tokens + new",
        "spec/test_limits.py::test_who_has_waited_may_send_again",
    ),
    Mutant(
        "tokens come ten times as fast",
        "15",
        LIMITS,
        "RATE = 2 ",
        "RATE = 20 ",
        "spec/test_limits.py::"
        "test_who_sends_too_fast_is_told_and_nothing_of_it_is_saved",
    ),
    Mutant(
        "only valid frames count",
        "15",
        LIMITS,
        "        tokens = self.bucket.take()\n",
        "        text = message.get('text') or ''\n"
        "        tokens = self.bucket.take() if 'message' in text else 0\n",
        "spec/test_limits.py::test_every_frame_counts_also_one_that_is_refused",
    ),
    Mutant(
        "a script that ignores the errors is not closed",
        "15",
        LIMITS,
        "tokens > -BURST",
        "True",
        "spec/test_limits.py::test_who_goes_on_is_closed_and_the_others_are_not",
    ),
    Mutant(
        "a socket still counts when it is closed",
        "15",
        LIMITS,
        '            sockets[scope["user"].id] -= 1\n',
        "            pass\n",
        "spec/test_limits.py::test_the_twenty_first_socket_of_a_user_is_closed",
    ),
    Mutant(
        "a socket beyond the limit is refused without a reason",
        "15",
        LIMITS,
        "            await self.accept()\n            await self.expel(4429)\n",
        "            await self.close()\n",
        "spec/test_limits.py::test_the_twenty_first_socket_of_a_user_is_closed",
    ),
    Mutant(
        "visitors count together",
        "15",
        LIMITS,
        "user.is_authenticated and ",
        "",
        "spec/test_limits.py::"
        "test_who_may_not_enter_is_refused_however_often_it_is_tried",
    ),
    Mutant(
        "the room of a course counts as one that its student has opened",
        "15",
        ROOMS,
        "course_id is None and bucket",
        "bucket",
        "spec/test_limits.py::test_the_hundred_and_first_new_room_of_a_user_is_closed",
    ),
    Mutant(
        "a page owes more rooms each time that it tries again",
        "15",
        ROOMS,
        "bucket.tokens += 1",
        "pass",
        "spec/test_limits.py::"
        "test_attempts_to_open_one_room_too_many_make_nobody_wait_longer",
    ),
    Mutant(
        "a page has a timer for each error",
        "15",
        SCRIPT,
        "    clearTimeout(pause);\n",
        "",
        "browser/test_limits.py::test_a_page_that_is_told_twice_to_wait_sends_once",
    ),
    Mutant(
        "a page does not wait, and gives the text back",
        "15",
        SCRIPT,
        "if (data.wait)",
        "if (false)",
        "browser/test_limits.py::"
        "test_a_page_that_is_too_fast_waits_and_sends_the_same_again",
    ),
    Mutant(
        "a page that waits sends immediately",
        "15",
        SCRIPT,
        "1000 * data.wait",
        "0",
        "browser/test_limits.py::"
        "test_a_page_that_is_too_fast_waits_and_sends_the_same_again",
    ),
    Mutant(
        "a page that is one too many does not say so",
        "15",
        SCRIPT,
        "code === 4429",
        "false",
        "browser/test_limits.py::"
        "test_a_page_that_is_one_too_many_says_so_and_tries_again",
    ),
    Mutant(
        "a site starts with the public key",
        "16",
        SETTINGS,
        "if not DEBUG and SECRET_KEY == PUBLIC_KEY:",
        "if False:",
        "servers/test_settings.py::"
        "test_without_debug_a_site_does_not_start_with_the_public_key",
    ),
    Mutant(
        "the session's cookie is also sent over HTTP",
        "16",
        SETTINGS,
        "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "servers/test_settings.py::test_cookies_are_secure_and_browsers_remember_https",
    ),
    Mutant(
        "a path can forge a line of the log",
        "16",
        MIDDLEWARE,
        "path=%r",
        "path='%s'",
        "servers/test_settings.py::"
        "test_an_error_is_logged_on_one_line_whatever_the_path_contains",
    ),
    Mutant(
        "the log does not tell a refusal from a close",
        "16",
        MIDDLEWARE,
        "refused or message",
        "message",
        "servers/test_settings.py::test_the_log_says_who_was_refused",
    ),
    Mutant(
        "a database that does not answer holds up the health page",
        "16",
        HEALTH,
        "thread_sensitive=False",
        "thread_sensitive=True",
        "servers/test_settings.py::"
        "test_the_health_page_says_within_seconds_that_a_database_does_not_answer",
    ),
    Mutant(
        "a server that stops says nothing",
        "18",
        PRESENCE,
        SAYS_THAT_IT_STOPS,
        "",
        "spec/test_update.py::test_a_server_that_stops_closes_its_sockets_with_a_code",
    ),
    Mutant(
        "a consumer says that its server stops, and ends in an error all the same",
        "18",
        PRESENCE,
        SAYS_THAT_IT_STOPS,
        f"{SAYS_THAT_IT_STOPS}            raise\n",
        "spec/test_update.py::"
        "test_a_socket_of_a_server_that_stops_keeps_no_other_from_its_end",
    ),
    Mutant(
        "everybody can read what the servers have counted",
        "20",
        "deploy/nginx.conf",
        "            return 404;\n",
        "            proxy_pass http://daphne;\n",
        "servers/test_metrics.py::"
        "test_the_world_cannot_read_what_the_servers_have_counted[/metrics/]",
    ),
    Mutant(
        "Prometheus asks one server twice",
        "20",
        "deploy/nginx.conf",
        "daphne1.sock:/metrics/",
        "daphne0.sock:/metrics/",
        "servers/test_metrics.py::test_each_server_counts_its_own_sockets",
    ),
    Mutant(
        "a browser can make as many figures as there are codes",
        "20",
        "chat/metrics.py",
        'code if code in CODES else "other"',
        "code",
        "servers/test_metrics.py::"
        "test_codes_that_a_browser_makes_up_are_counted_together",
    ),
    Mutant(
        "a page does not know that its server is restarting",
        "18",
        SCRIPT,
        "4012:",
        "4021:",
        "browser/test_update.py::"
        "test_a_page_says_that_its_server_is_restarting_and_comes_back",
    ),
    Mutant(
        "one who gives up cancels what all wait for while RabbitMQ is away",
        "19",
        "config/layers.py",
        "asyncio.shield(super().carehare_connection)",
        "super().carehare_connection",
        "servers/test_brokers.py::"
        "test_a_page_that_gives_up_does_not_keep_rabbitmq_from_coming_back",
    ),
    Mutant(
        "the lists are looked for in RabbitMQ",
        "19",
        PRESENCE,
        'get_channel_layer("presence")',
        "get_channel_layer()",
        "servers/test_brokers.py::test_with_rabbitmq_two_servers_are_one_chat",
    ),
    Mutant(
        "the layer is made where no event loop runs",
        "19",
        SIGNALS,
        "    on_commit(lambda: async_to_sync(send_check)",
        "    get_channel_layer()\n    on_commit(lambda: async_to_sync(send_check)",
        "servers/test_brokers.py::test_with_rabbitmq_two_servers_are_one_chat",
    ),
    Mutant(
        "a message comes before the history",
        "21",
        PRESENCE,
        "self.waiting, self.writing = deque(), True",
        "self.waiting, self.writing = deque(), False",
        "spec/test_scale.py::"
        "test_what_is_said_while_somebody_enters_comes_after_the_history",
    ),
    Mutant(
        "what is said while somebody enters is lost",
        "21",
        CONSUMER,
        "await self.write()",
        "pass",
        "spec/test_scale.py::"
        "test_what_is_said_while_somebody_enters_comes_after_the_history",
    ),
    Mutant(
        "a room joins its group after the history has been read",
        "21",
        CONSUMER,
        ENTERS_FIRST,
        READS_FIRST,
        "spec/test_scale.py::"
        "test_what_is_said_while_somebody_enters_comes_after_the_history",
    ),
    Mutant(
        "a room waits for ever for a socket that does not read",
        "21",
        GROUPS,
        "PATIENCE = 0.1 ",
        "PATIENCE = None ",
        "spec/test_scale.py::"
        "test_a_socket_that_does_not_keep_up_delays_nobody_and_gets_all_of_it",
    ),
    Mutant(
        "a text is lost if the room stops waiting for it",
        "21",
        PRESENCE,
        "self.writing = asyncio.gather(self.write(), return_exceptions=True)",
        "self.writing = False",
        "spec/test_scale.py::"
        "test_what_a_room_has_not_waited_for_comes_when_the_socket_reads_again",
    ),
    Mutant(
        "a socket that reads nothing stays open",
        "21",
        PRESENCE,
        "elif len(self.waiting) > MOST_WAITING:",
        "elif False:",
        "spec/test_scale.py::test_a_socket_that_has_not_read_a_hundred_texts_is_closed",
    ),
    Mutant(
        "each socket encodes the message",
        "21",
        GROUPS,
        "consumer.hand(text)",
        "consumer.hand(json.dumps(event))",
        "spec/test_scale.py::test_a_message_is_encoded_once_and_all_read_the_same",
    ),
    Mutant(
        "each text of a room goes through all middleware",
        "21",
        PRESENCE,
        'await self.scope["send"](message)',
        "await self.base_send(message)",
        "spec/test_scale.py::test_the_middleware_sees_how_a_socket_begins_and_nothing_that_follows",
    ),
    Mutant(
        "each look shows the list to all, whether it has changed or not",
        "21",
        PRESENCE,
        "self.users if users == self.users else users",
        "users",
        "spec/test_scale.py::test_a_look_that_finds_nobody_new_touches_no_consumer",
    ),
    Mutant(
        "an empty room stays in its group",
        "21",
        GROUPS,
        "await self.layer.group_discard(self.group_name, self.channel_name)",
        "pass",
        "spec/test_scale.py::test_a_process_leaves_the_group_with_its_last_socket",
    ),
    Mutant(
        "a room joins its group only once",
        "21",
        PRESENCE,
        "            await self.room.join()\n",
        "            if len(self.room.consumers) == 1:\n"
        "                await self.room.join()\n",
        "spec/test_scale.py::"
        "test_a_room_that_is_never_empty_stays_in_its_group_for_more_than_a_day",
    ),
    Mutant(
        "whoever enters is told one by one who enters meanwhile",
        "21",
        PRESENCE,
        "if self.writing and self.users is not None:",
        "if False:",
        "spec/test_scale.py::"
        "test_a_socket_stays_when_more_than_a_hundred_enter_while_it_enters",
    ),
    Mutant(
        "whoever has entered is told at the next heartbeat who has entered meanwhile",
        "21",
        CONSUMER,
        "await self.show(self.room.users)",
        "pass",
        "spec/test_scale.py::"
        "test_a_socket_stays_when_more_than_a_hundred_enter_while_it_enters",
    ),
    Mutant(
        "a consumer writes on in a queue that is no longer its own",
        "21",
        PRESENCE,
        "waiting.popleft()",
        "self.waiting.popleft()",
        "spec/test_scale.py::"
        "test_a_socket_that_has_read_nothing_since_it_entered_is_closed",
    ),
    Mutant(
        "somebody who was sent out gets what is said until they read",
        "21",
        "chat/access.py",
        "self.waiting = deque(maxlen=0)",
        "pass",
        "spec/test_scale.py::"
        "test_somebody_who_was_sent_out_while_not_reading_gets_nothing_said_later",
    ),
    Mutant(
        "nobody after one who cannot be told has to leave",
        "21",
        GROUPS,
        "with suppress(Exception):  # the others",
        "with suppress(TimeoutError):  # the others",
        "spec/test_scale.py::test_all_have_to_leave_even_if_one_of_them_cannot_be_told",
    ),
    Mutant(
        "a room hears nothing more after an event that it cannot handle",
        "21",
        GROUPS,
        "except Exception:  # the pages",
        "except ConnectionError:  # the pages",
        "spec/test_scale.py::"
        "test_an_event_that_cannot_be_handled_is_logged_and_the_next_one_is_handled",
    ),
]


# Seconds that a test of the spec waits before it fails. Without the mistakes, all that
# are red here pass with a deadline of two, on a busy machine, too.
DEADLINE = "3"
# A server reads a changed script again, but not a changed template.
IN_THE_BROWSER = [mutant for mutant in MUTANTS if mutant.file == SCRIPT]


def case(mutant):
    """Return the pytest.param of a Mutant, which belongs to its step."""
    marks = [pytest.mark.holds(since=mutant.step, until=mutant.step)]
    marks += [pytest.mark.browser] if mutant.red.startswith("browser/") else []
    return pytest.param(mutant, id=f"{mutant.step}: {mutant.mistake}", marks=marks)


def mutate(text, mutant):
    """Return the text of a file with the mistake of a Mutant in it."""
    assert text.count(mutant.right) == 1
    return text.replace(mutant.right, mutant.wrong)


@pytest.mark.parametrize(
    "mutant", [case(mutant) for mutant in MUTANTS if mutant not in IN_THE_BROWSER]
)
def test_a_mistake_turns_the_spec_red(mutant, tmp_path):
    copy = copy_folder(find_step(mutant.step).path, tmp_path / "copy")
    file = copy / mutant.file
    file.write_text(mutate(file.read_text(), mutant))

    status, said = run_spec(
        find_step(mutant.step),
        copy,
        *("--everything", "-x", "-q", "--tb=no", ROOT / "tests" / mutant.red),
        TEST_DEADLINE=DEADLINE if mutant.red.startswith("spec/") else "10",
        COLUMNS="300",
    )
    assert status == 1, said
    # FAILED, not ERROR: the test itself, not what it needs.
    assert f"FAILED tests/{mutant.red}" in said, said


@pytest.fixture(scope="module")
def said_in_the_browser(step):
    """What pytest says of a step's mistakes in the browser, all in one process."""
    here = [mutant for mutant in IN_THE_BROWSER if mutant.step == step.number]
    _, said = run_spec(
        step,
        step.path,
        *("--everything", "-q", "--tb=no", "-rpfE"),
        *("-p", "tests.mutants.in_the_browser"),
        *dict.fromkeys(ROOT / "tests" / mutant.red for mutant in here),
        TEST_DEADLINE="10",
        COLUMNS="300",
    )
    return said


@pytest.mark.parametrize("mutant", list(map(case, IN_THE_BROWSER)))
def test_a_mistake_turns_a_test_in_the_browser_red(mutant, said_in_the_browser):
    test = re.escape(f"tests/{mutant.red}")
    results = re.findall(rf"^(\w+) {test}\[(.*)\]", said_in_the_browser, re.MULTILINE)

    def results_of(name):
        return {result for result, names in results if name in names}

    assert results_of(f"without: {mutant.mistake}") == {"PASSED"}, said_in_the_browser
    assert "FAILED" in results_of(f"with: {mutant.mistake}"), said_in_the_browser
