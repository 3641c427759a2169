from django import forms

from .rooms import ShortSlugConverter


class RoomForm(forms.Form):
    room_name = forms.SlugField(max_length=ShortSlugConverter.max_length)
