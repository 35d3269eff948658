#include "reading.h"

#include <algorithm>
#include <sstream>

std::vector<std::string> read_dictionary(const char* metadata) {
  std::vector<std::string> characters{""};
  std::istringstream in(metadata);
  for (std::string character; std::getline(in, character);) characters.push_back(character);
  characters.emplace_back(" ");
  return characters;
}

Line read_line(const float* chances, int columns, int classes, const std::vector<std::string>& dictionary) {
  Line line;
  long previous = 0;
  int count = 0;
  for (int column = 0; column < columns; ++column) {
    const float* row = chances + size_t(column) * size_t(classes);
    long best = std::max_element(row, row + classes) - row;
    if (best != 0 && best != previous && size_t(best) < dictionary.size()) {
      line.text += dictionary[size_t(best)];
      line.confidence += double(row[best]);
      ++count;
    }
    previous = best;
  }
  if (count) line.confidence /= count;
  return line;
}
