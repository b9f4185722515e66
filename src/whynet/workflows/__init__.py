"""What a user asks for, from end to end. Only here do data, models, metrics and the run folder meet."""
