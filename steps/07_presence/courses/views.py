from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import DetailView, ListView


class CourseListView(LoginRequiredMixin, ListView):
    template_name = "courses/course_list.html"

    def get_queryset(self):
        return self.request.user.courses.all()


class CourseDetailView(LoginRequiredMixin, DetailView):
    template_name = "courses/course_detail.html"

    def get_queryset(self):
        return self.request.user.courses.all()
