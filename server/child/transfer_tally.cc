#include "server/child/transfer_tally.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::transfer {

namespace {

struct Field {
  std::string_view name;
  std::uint64_t Tally::* count;
};
constexpr Field kFields[] = {{"messages", &Tally::messages}, {"bytes", &Tally::bytes},
                             {"bad", &Tally::bad},           {"large", &Tally::large},
                             {"odd", &Tally::odd},           {"skipped", &Tally::skipped},
                             {"folders", &Tally::folders},   {"made", &Tally::folders_made}};

}  // namespace

std::string step_text(std::string_view verb, const Tally& tally) {
  std::string out = fmt::format("{}:", verb);
  for (const Field& field : kFields) out += fmt::format(" {}={}", field.name, tally.*field.count);
  return out;
}

std::optional<Tally> parse_step(std::string_view step) {
  const std::size_t colon = step.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  Tally tally;
  std::size_t at = 0;
  for (const std::string_view word : split(step.substr(colon + 2), ' ')) {
    if (at == std::size(kFields)) return std::nullopt;
    const Field& field = kFields[at++];
    if (!word.starts_with(field.name) || word.size() <= field.name.size() ||
        word[field.name.size()] != '=')
      return std::nullopt;
    const auto count = parse_u64(word.substr(field.name.size() + 1));
    if (!count) return std::nullopt;
    tally.*field.count = *count;
  }
  if (at != std::size(kFields)) return std::nullopt;
  return tally;
}

}  // namespace hauspost::transfer
