from django.contrib import admin

from .models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ["room", "number", "user", "time", "text"]
    list_filter = ["room"]
    list_select_related = ["room__course", "user"]
    ordering = ["-id"]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        # Anyone who deletes a course may delete its messages.
        return "chat_message" not in request.resolver_match.url_name
