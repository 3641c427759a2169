from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from .forms import RoomForm


@never_cache
@login_required
def room_list(request):
    form = RoomForm(request.GET or None)
    if form.is_valid():
        return redirect("chat:chat_room", form.cleaned_data["room_name"])
    return render(request, "chat/room_list.html", {"form": form})


@never_cache
@login_required
def chat_room(request, room_name):
    return render(request, "chat/room.html", {"room_name": room_name})


@never_cache
@login_required
def course_chat_room(request, course_id):
    course = request.user.courses.filter(id=course_id).first()
    if course is None:
        raise PermissionDenied
    return render(request, "chat/room.html", {"course": course})
