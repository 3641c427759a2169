from channels_redis.core import RedisChannelLayer


class ShardedRedisChannelLayer(RedisChannelLayer):
    def consistent_hash(self, value):
        """Called with the name of a group or a channel; chooses its Redis."""
        # send() passes a channel's whole name, and receive() what is before the "!".
        return super().consistent_hash(self.non_local_name(value))
