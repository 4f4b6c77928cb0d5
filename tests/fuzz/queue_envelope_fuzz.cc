// What the queue reads back: envelopes, names of queues, and filters that an administrator types.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "store/types.h"
#include "transport/queue/envelope.h"
#include "transport/queue/item_filter.h"
#include "transport/queue/queue.h"
#include "transport/queue/queue_name.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

void check_envelope(std::string_view bytes) {
  const auto envelope = envelope_from_annotation(bytes);
  if (!envelope) return;
  HP_CHECK(envelope->priority >= -9 && envelope->priority <= 9);
  // What was read is written and read again as the same.
  const std::string written = to_annotation(*envelope);
  const auto again = envelope_from_annotation(written);
  HP_CHECK(again && to_annotation(*again) == written);
  std::size_t recipients = 0;
  for (const Envelope& piece : split_to_fit(*envelope)) recipients += piece.recipients.size();
  HP_CHECK(recipients == envelope->recipients.size());
}

void check_name(std::string_view name) {
  if (const auto hop = hop_of_queue(name)) {
    const auto again = hop_of_queue(queue_name(*hop));
    HP_CHECK(again && (*again == *hop || hop->name.size() > store::kFolderNameMax / 3 ||
                       hop->domain.size() > store::kFolderNameMax / 3));
  }
  const NextHop hop{NextHop::Kind::kConnector, std::string(name), {}};
  if (name.empty() || name.size() > store::kFolderNameMax / 3) return;
  HP_CHECK(hop_of_queue(queue_name(hop)) == hop);
}

void check_filter(std::string_view text) {
  const auto filter = ItemFilter::parse(text);
  if (!filter) return;
  QueueItem item{"3-17", "Remote/out/a.example"};
  item.sender = "anna@example.org";
  item.recipients = {"x@a.example"};
  [[maybe_unused]] const bool fits = filter->matches(item, WallTime{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_envelope(input);
  check_name(input);
  check_filter(input);
  return 0;
}
