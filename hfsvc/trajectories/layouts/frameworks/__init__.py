"""The messages of agents' frameworks and of other model APIs, each kind read into those of the layout ``openai``. Pure."""
