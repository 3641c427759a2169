from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.views.decorators.cache import never_cache


@never_cache
@login_required
def course_chat_room(request, course_id):
    course = request.user.courses.filter(id=course_id).first()
    if course is None:
        raise PermissionDenied
    return render(request, "chat/room.html", {"course": course})
