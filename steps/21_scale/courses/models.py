from django.conf import settings
from django.db import models
from django.urls import reverse


class Course(models.Model):
    title = models.CharField(max_length=200)
    overview = models.TextField()
    students = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="courses", blank=True
    )

    class Meta:
        ordering = ["title"]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("course_detail", args=[self.id])
