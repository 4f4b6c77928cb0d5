// hauspost: the administrator's command line.
#include "tools/cli/application.h"

int main(int argc, char** argv) { return hauspost::cli::run(argc, argv); }
