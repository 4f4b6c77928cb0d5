#include "server/auth/failure_limits.h"

#include <asio/ip/address.hpp>

#include <span>

namespace hauspost::auth {

namespace {

constexpr unsigned kPrefixesV4[] = {32, 26, 21};
constexpr unsigned kPrefixesV6[] = {64, 56, 48};
constexpr unsigned kFactors[] = {1, 3, 9};

std::string masked(std::span<const std::uint8_t> address, unsigned prefix) {
  std::string network;
  network += static_cast<char>(address.size());
  network += static_cast<char>(prefix);
  for (std::size_t i = 0; i < address.size(); ++i) {
    const unsigned kept = prefix > i * 8 ? std::min(prefix - static_cast<unsigned>(i) * 8, 8U) : 0U;
    network += static_cast<char>(address[i] & (0xff00U >> kept));
  }
  return network;
}

template <class Period>
std::int64_t period_number(const Clock& clock) {
  return std::chrono::floor<Period>(clock.steady().time_since_epoch()).count();
}

}  // namespace

std::vector<std::string> FailureLimits::networks_of(const std::string& address) {
  std::error_code code;
  auto parsed = asio::ip::make_address(address, code);
  if (code) return {address};
  if (parsed.is_v6() && parsed.to_v6().is_v4_mapped())
    parsed = asio::ip::make_address_v4(asio::ip::v4_mapped, parsed.to_v6());
  std::vector<std::string> networks;
  if (parsed.is_v4()) {
    const auto bytes = parsed.to_v4().to_bytes();
    for (const unsigned prefix : kPrefixesV4) networks.push_back(masked(bytes, prefix));
  } else {
    const auto bytes = parsed.to_v6().to_bytes();
    for (const unsigned prefix : kPrefixesV6) networks.push_back(masked(bytes, prefix));
  }
  return networks;
}

bool FailureLimits::allows(const std::string& address) const {
  const std::int64_t minute = period_number<std::chrono::minutes>(clock_);
  const std::int64_t day = period_number<std::chrono::days>(clock_);
  const auto networks = networks_of(address);
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const auto found = networks_.find(networks[i]);
    if (found == networks_.end()) continue;
    const Network& network = found->second;
    if (network.minute.number == minute &&
        network.minute.failures >= limits_.minute_max * kFactors[i])
      return false;
    if (network.day.number == day && network.day.failures >= limits_.day_max * kFactors[i])
      return false;
  }
  return true;
}

void FailureLimits::failed(const std::string& address) {
  const std::int64_t minute = period_number<std::chrono::minutes>(clock_);
  const std::int64_t day = period_number<std::chrono::days>(clock_);
  if (networks_.size() >= limits_.networks_max) networks_.clear();
  for (const std::string& name : networks_of(address)) {
    Network& network = networks_[name];
    if (network.minute.number != minute) network.minute = {minute, 0};
    if (network.day.number != day) network.day = {day, 0};
    ++network.minute.failures;
    ++network.day.failures;
  }
}

}  // namespace hauspost::auth
