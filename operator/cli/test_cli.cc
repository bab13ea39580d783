#include <cstdio>
#include <string>
#include <vector>

#include "operator/cli/main.h"

int main(int argc, char** argv) {
  using namespace headpond::operator_cli;
  const std::vector<std::string> words(argv + (argc > 1 ? 2 : 1), argv + argc);
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "up") return UpMain(words);
  if (command == "convert") return ConvertMain(words);
  if (command == "down") return DownMain(words);
  if (command == "status") return StatusMain(words);
  std::fprintf(stderr, "usage: up|convert|down|status ...\n");
  return 2;
}
