// What a certificate authority answers: whatever is read is within its limits, and safe to print.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "server/acme/messages.h"

namespace {

using namespace hauspost::acme;

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
}

void check_problem(const Problem& problem) {
  check(!problem.detail.empty() && is_printable(problem.text()));
}

void check_challenge(const Challenge& challenge) {
  check(is_https_url(challenge.url) && challenge.token.size() <= kTokenMax);
  check(challenge.token.find_first_of("/.\r\n ") == std::string::npos);
  if (challenge.error) check_problem(*challenge.error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_problem(parse_problem(input, 500));
  if (const auto directory = parse_directory(input)) {
    check(is_https_url(directory->new_nonce) && is_https_url(directory->new_account) &&
          is_https_url(directory->new_order) && is_printable(directory->terms));
  }
  [[maybe_unused]] const auto account = parse_account(input);
  if (const auto order = parse_order(input)) {
    check(order->authorizations.size() <= kNamesMax && is_https_url(order->finalize));
    check(std::ranges::all_of(order->authorizations, is_https_url));
    if (order->error) check_problem(*order->error);
  }
  if (const auto authorization = parse_authorization(input)) {
    check(authorization->challenges.size() <= kChallengesMax && is_printable(authorization->name));
    for (const Challenge& one : authorization->challenges) check_challenge(one);
  }
  return 0;
}
