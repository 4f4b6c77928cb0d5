#include "tools/cli/password.h"

#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <iostream>

#include "base/random.h"
#include "base/text.h"

namespace hauspost::cli {

namespace {

// Echo is back on when this goes, however the prompt ends.
class EchoOff {
 public:
  EchoOff() {
    known_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!known_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~EchoOff() {
    if (known_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  termios before_{};
  bool known_ = false;
};

Outcome<Secret> read_line(const std::string& owner, std::size_t bytes_max = kPasswordBytesMax) {
  std::string line;
  std::getline(std::cin, line);
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return usage(fmt::format("{}: the password is empty", owner));
  if (!is_valid_utf8(line)) return usage(fmt::format("{}: the password is not UTF-8", owner));
  if (line.size() > bytes_max) {
    return usage(fmt::format("{}: the password is longer than {} bytes", owner, bytes_max));
  }
  return Secret(std::move(line));
}

Outcome<Secret> prompt(const std::string& text, const std::string& owner,
                       std::size_t bytes_max = kPasswordBytesMax) {
  const EchoOff silent;  // before the prompt: nobody can type between the two
  fmt::print(stderr, "{}", text);
  auto line = read_line(owner, bytes_max);
  fmt::print(stderr, "\n");
  return line;
}

}  // namespace

void add_password_options(CLI::App& verb, PasswordOptions& options) {
  auto* from_stdin = verb.add_flag("--password-stdin", options.from_stdin,
                                   "Read the password from the first line of standard input");
  auto* generate =
      verb.add_flag("--generate", options.generate, "Make a random password and print it once");
  generate->excludes(from_stdin);
}

Outcome<Secret> obtain_secret(bool from_stdin, const std::string& owner, std::size_t bytes_max) {
  if (from_stdin) return read_line(owner, bytes_max);
  if (::isatty(STDIN_FILENO) == 0) {
    return usage(fmt::format("{}: no password, and no terminal to ask on; use --password-stdin",
                             owner));
  }
  return prompt(fmt::format("Password of {}: ", owner), owner, bytes_max);
}

Outcome<NewPassword> obtain_password(const PasswordOptions& options, const std::string& owner) {
  if (options.generate) {
    return NewPassword{Secret(random_password(kGeneratedPasswordCharacters)), true};
  }
  if (options.from_stdin) {
    TRY_ASSIGN(Secret line, read_line(owner));
    return NewPassword{std::move(line), false};
  }
  if (::isatty(STDIN_FILENO) == 0) {
    return usage(fmt::format(
        "{}: no password, and no terminal to ask on; use --password-stdin or --generate", owner));
  }
  TRY_ASSIGN(Secret first, prompt(fmt::format("New password for {}: ", owner), owner));
  TRY_ASSIGN(Secret second, prompt("Again: ", owner));
  if (first.reveal() != second.reveal()) {
    return usage(fmt::format("{}: the two passwords differ; nothing was done", owner));
  }
  return NewPassword{std::move(first), false};
}

}  // namespace hauspost::cli
