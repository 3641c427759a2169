from django.conf import settings
from django.db import models

from courses.models import Course


class ChatRoom(models.Model):
    group_name = models.CharField(max_length=99, unique=True)
    course = models.OneToOneField(Course, models.CASCADE, null=True)
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return str(self.course or self.group_name)


class Message(models.Model):
    room = models.ForeignKey(ChatRoom, models.CASCADE, related_name="messages")
    number = models.PositiveBigIntegerField()  # 1, 2, 3, … in each room
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    text = models.TextField()
    time = models.DateTimeField(auto_now_add=True)
    key = models.CharField(max_length=50, null=True)  # made by the page

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="number_in_room"),
            models.UniqueConstraint(fields=["room", "user", "key"], name="saved_once"),
        ]

    def __str__(self):
        return self.text
