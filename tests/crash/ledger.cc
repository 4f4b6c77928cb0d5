#include "tests/crash/ledger.h"

#include <sstream>

#include "base/bytes.h"
#include "base/text.h"

namespace hauspost::crash {

namespace {

constexpr std::string_view kTokenField = "X-Token: ";

Guid named_guid(std::uint8_t kind, std::uint8_t number) {
  Guid guid;
  guid.bytes.fill(0x5a);
  guid.bytes[0] = kind;
  guid.bytes[15] = number;
  return guid;
}

}  // namespace

void Model::apply(std::string_view lines) {
  std::istringstream in{std::string(lines)};
  char kind = 0;
  while (in >> kind) {
    MessageKey key;
    MessageFacts facts;
    std::string path;
    switch (kind) {
      case '+':
        in >> key.folder >> key.uid >> facts.token >> facts.flags;
        messages[key] = facts;
        break;
      case '-':
        in >> key.folder >> key.uid;
        messages.erase(key);
        break;
      case '=':
        in >> key.folder >> key.uid;
        in >> messages[key].flags;
        break;
      case 'F':
        in >> path;
        in >> folders[path];
        break;
      case 'X':
        in >> path;
        folders.erase(path);
        break;
      case 'M': {
        FolderFacts now;
        in >> key.folder >> now.uid_next >> now.modseq;
        FolderFacts& most = seen[key.folder];
        most = {std::max(most.uid_next, now.uid_next), std::max(most.modseq, now.modseq)};
        break;
      }
      case 's':
        in >> key.uid >> facts.token;
        shared[facts.token] = key.uid;
        break;
      default: return;
    }
  }
}

Result<Ledger> Ledger::read(const Trace& trace) {
  Ledger ledger;
  for (std::size_t i = 0; i < trace.events().size(); ++i) {
    const Event& event = trace.events()[i];
    if (event.header.kind != EventKind::kMark) continue;
    std::istringstream in{std::string(event.data)};
    std::string kind;
    std::size_t worker = 0;
    in >> kind >> worker;
    if (worker >= ledger.operations_.size()) ledger.operations_.resize(worker + 1);
    auto& operations = ledger.operations_[worker];
    if (kind == "B") {
      Operation& operation = operations.emplace_back();
      operation.begun_at = i;
      std::string id;
      std::string token;
      if (in >> id >> token) operation.delivery = Delivery{Guid::parse(id).value_or(Guid{}), token};
    } else {
      if (operations.empty() || operations.back().answered_at != 0)
        return fail(ErrorCode::kCorrupt, "ledger: an answer without its operation");
      operations.back().answered_at = i;
      const std::size_t line_end = event.data.find('\n');
      if (line_end != std::string_view::npos)
        operations.back().answer = std::string(event.data.substr(line_end + 1));
    }
  }
  if (ledger.operations_.empty()) return fail(ErrorCode::kCorrupt, "ledger: no marks in the trace");
  return ledger;
}

std::string begin_mark(std::size_t worker, const std::optional<Delivery>& delivery) {
  std::string mark = "B " + std::to_string(worker);
  if (delivery) mark += " " + delivery->id.to_string() + " " + delivery->token;
  return mark;
}
std::string answer_mark(std::size_t worker, const std::string& lines) {
  return "A " + std::to_string(worker) + "\n" + lines;
}

Guid database_guid() { return named_guid(1, 0); }
Guid worker_mailbox(std::size_t worker) { return named_guid(2, static_cast<std::uint8_t>(worker)); }
Guid shared_mailbox() { return named_guid(3, 0); }

std::string message_bytes(std::string_view token) {
  std::string bytes(kTokenField);
  bytes += token;
  bytes += "\r\nSubject: crash test\r\n\r\n";
  std::uint32_t state = crc32c(token) | 1;
  const std::size_t size = state % 16 == 0 ? 40'000 + state % 30'000 : state % 7000;
  while (bytes.size() < size) {
    state = state * 1664525 + 1013904223;
    bytes += to_hex({reinterpret_cast<const char*>(&state), sizeof state});
    if (state >> 28 == 0) bytes += "\r\n";
  }
  bytes += "\r\n";
  return bytes;
}

std::string token_of(std::string_view bytes) {
  if (!bytes.starts_with(kTokenField)) return {};
  const std::size_t end = bytes.find('\r');
  if (end == std::string_view::npos) return {};
  std::string token(bytes.substr(kTokenField.size(), end - kTokenField.size()));
  return message_bytes(token) == bytes ? token : std::string();
}

}  // namespace hauspost::crash
