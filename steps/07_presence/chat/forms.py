from django import forms

from .rooms import MAX_LENGTH


class RoomForm(forms.Form):
    room_name = forms.SlugField(max_length=MAX_LENGTH)
