from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from .health import health
from .metrics import metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("chat/", include("chat.urls")),
    path("health/", health),
    path("metrics/", metrics),
    path("", include("courses.urls")),
]
