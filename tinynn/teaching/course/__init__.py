"""The course: an exercise for each page of the lesson, and the check of what a learner wrote."""
