#include "commands.h"

int main(int count, char** words) { return tool::run_tool(words[0], {words + 1, words + count}); }
