"""What is true of a data set: where its pictures and labels lie, what its classes are called, who took them when."""
