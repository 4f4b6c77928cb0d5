// Shell completion, generated from the command tree itself so that it cannot be out of date.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace hauspost::cli {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace hauspost::cli
