// From the recognition network's output to text: for each column of the line it gives the chance of every character.
#pragma once

#include <string>
#include <vector>

// The characters that the network knows, in its order; index 0 of its output is "no character", the last one a blank.
std::vector<std::string> read_dictionary(const char* metadata);

struct Line {
  std::string text;
  double confidence = 0;  // mean chance of its characters
};

// The likeliest character of every column; repetitions count once unless "no character" lies between them.
Line read_line(const float* chances, int columns, int classes, const std::vector<std::string>& dictionary);
