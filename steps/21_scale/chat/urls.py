from django.urls import path

from .views import chat_room, course_chat_room, room_list

app_name = "chat"

urlpatterns = [
    path("", room_list, name="room_list"),
    path("<short_slug:room_name>/", chat_room, name="chat_room"),
    path("room/<int:course_id>/", course_chat_room, name="course_chat_room"),
]
