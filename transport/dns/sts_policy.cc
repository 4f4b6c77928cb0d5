#include "transport/dns/sts_policy.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::dns {

namespace {

constexpr std::size_t kIdMax = 32;

bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const std::string_view label : split(name, '.')) {
    const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
    if (label.empty() || label.size() > 63 || !std::ranges::all_of(label, fits)) return false;
  }
  return true;
}

std::optional<std::string> pattern_of(std::string_view value) {
  const std::string lower = ascii_lower(value);
  const std::string_view bare(lower);
  if (!is_host_name(bare.starts_with("*.") ? bare.substr(2) : bare)) return std::nullopt;
  return lower;
}

std::optional<StsPolicy::Mode> mode_of(std::string_view word) {
  for (const auto mode :
       {StsPolicy::Mode::kNone, StsPolicy::Mode::kTesting, StsPolicy::Mode::kEnforce})
    if (word == to_string(mode)) return mode;
  return std::nullopt;
}

struct Draft {
  StsPolicy policy;
  bool version = false;
  bool mode = false;
  bool max_age = false;
};

Result<> take_field(Draft& draft, std::string_view key, std::string_view value) {
  if (key == "version" && !draft.version) {
    if (value != "STSv1") return fail(ErrorCode::kInvalid, "version is not STSv1");
    draft.version = true;
  } else if (key == "mode" && !draft.mode) {
    const auto mode = mode_of(value);
    if (!mode) return fail(ErrorCode::kInvalid, "mode is not enforce, testing or none");
    draft.policy.mode = *mode;
    draft.mode = true;
  } else if (key == "max_age" && !draft.max_age) {
    const auto seconds = value.size() <= 10 ? parse_u64(value) : std::nullopt;
    if (!seconds) return fail(ErrorCode::kInvalid, "max_age is not a number");
    draft.policy.max_age = std::min(Seconds(*seconds), kStsMaxAgeMost);
    draft.max_age = true;
  } else if (key == "mx") {
    auto pattern = pattern_of(value);
    if (!pattern) return fail(ErrorCode::kInvalid, "mx is not a host name");
    if (draft.policy.mx.size() >= kStsPatternsMax)
      return fail(ErrorCode::kInvalid, "too many mx lines");
    draft.policy.mx.push_back(std::move(*pattern));
  }
  return {};
}

}  // namespace

std::string_view to_string(StsPolicy::Mode mode) {
  switch (mode) {
    case StsPolicy::Mode::kNone: return "none";
    case StsPolicy::Mode::kTesting: return "testing";
    case StsPolicy::Mode::kEnforce: return "enforce";
  }
  return "none";
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
  if (text.size() > kStsPolicyBytesMax) return fail(ErrorCode::kInvalid, "larger than 64 KiB");
  Draft draft;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (trim(line).empty()) continue;
      return fail(ErrorCode::kInvalid, "a line without a colon");
    }
    TRY(take_field(draft, trim(line.substr(0, colon)), trim(line.substr(colon + 1))));
  }
  if (!draft.version) return fail(ErrorCode::kInvalid, "version is missing");
  if (!draft.mode) return fail(ErrorCode::kInvalid, "mode is missing");
  if (!draft.max_age) return fail(ErrorCode::kInvalid, "max_age is missing");
  if (draft.policy.mx.empty() && draft.policy.mode != StsPolicy::Mode::kNone)
    return fail(ErrorCode::kInvalid, "mx is missing");
  return std::move(draft.policy);
}

std::vector<std::string> lines_of(const StsPolicy& policy) {
  std::vector<std::string> lines{"version: STSv1", "mode: " + std::string(to_string(policy.mode))};
  for (const std::string& pattern : policy.mx) lines.push_back("mx: " + pattern);
  lines.push_back("max_age: " + std::to_string(policy.max_age.count()));
  return lines;
}

std::optional<std::string> sts_id(const std::vector<std::string>& records) {
  std::optional<std::string_view> only;
  for (const std::string& record : records) {
    // "v=STSv1" and the end or a delimiter: another version is another record.
    const std::string_view text(record);
    if (!text.starts_with("v=STSv1")) continue;
    const std::string_view rest = trim(text.substr(7));
    if (!rest.empty() && rest.front() != ';') continue;
    if (only) return std::nullopt;
    only = rest;
  }
  if (!only) return std::nullopt;
  for (const std::string_view part : split(*only, ';')) {
    const std::string_view field = trim(part);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos || trim(field.substr(0, equals)) != "id") continue;
    const std::string_view id = trim(field.substr(equals + 1));
    if (id.empty() || id.size() > kIdMax || !std::ranges::all_of(id, is_alnum)) return std::nullopt;
    return std::string(id);
  }
  return std::nullopt;
}

bool allows(const StsPolicy& policy, std::string_view host) {
  return std::ranges::any_of(policy.mx, [host](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return pattern == host;
    const auto dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && host.substr(dot) == pattern.substr(1);
  });
}

}  // namespace hauspost::dns
