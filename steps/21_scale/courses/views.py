from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import DetailView, ListView


class CourseListView(LoginRequiredMixin, ListView):
    def get_queryset(self):
        return self.request.user.courses.all()


class CourseDetailView(LoginRequiredMixin, DetailView):
    def get_queryset(self):
        return self.request.user.courses.all()
