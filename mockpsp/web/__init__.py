"""The dashboard for people: looks at the world, and offers the few buttons that go with what is seen."""
