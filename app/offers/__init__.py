"""What a campaign says and when, pure: definitions, texts, languages, schedules, and how members are split."""
