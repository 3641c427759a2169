import asyncio

from channels_rabbitmq.core import RabbitmqChannelLayer


class ShieldedRabbitmqChannelLayer(RabbitmqChannelLayer):
    @property
    def carehare_connection(self):
        """Called before each command; a caller that is cancelled cancels no other."""
        return asyncio.shield(super().carehare_connection)
