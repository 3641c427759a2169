from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


@never_cache
def metrics(request):
    """Return what this process has counted, in the form that Prometheus reads."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
