// The rig's own code; the tests stand in the other files.
#include "tests/unit/transport/rig.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "transport/delivery/serve_delivery.h"

namespace hauspost::transport::test {

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

Guid database_guid(const std::string& name) {
  Guid guid;
  std::copy(name.begin(), name.end(), guid.bytes.begin());
  return guid;
}

bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view tail = pattern.substr(star + 1);
  return text.size() + 1 >= pattern.size() && text.starts_with(pattern.substr(0, star)) &&
         text.ends_with(tail);
}

Task<void> keep_end(Stream& stream, const link::SessionStart& start, Services& services,
                    std::optional<SessionEnd>& end) {
  end = co_await serve_smtp(stream, start, services);
  stream.close();
}

// A client that sends all it has in pieces, hears everything, and then hangs up.
class ScriptStream final : public Stream {
 public:
  ScriptStream(std::string input, std::size_t piece) : input_(std::move(input)), piece_(piece) {}

  Task<Result<std::size_t>> read_some(std::span<char> into) override {
    co_await yield_now();
    const std::size_t count = std::min({into.size(), piece_, input_.size() - at_});
    std::copy_n(input_.data() + at_, count, into.data());
    at_ += count;
    co_return count;
  }
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override {
    for (const std::string_view part : parts) output += part;
    co_return Result<>{};
  }
  Task<Result<Wake>> wait_input(Signal&, Duration) override { co_return Wake::kInput; }
  void set_timeout(Duration) override {}
  void close() noexcept override {}

  std::string output;

 private:
  std::string input_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

Task<void> follow(Stream& stream, std::vector<std::string> lines,
                  std::vector<std::pair<std::string, std::string>>& heard) {
  std::string buffer;
  for (const std::string& line : lines) {
    const std::string text = line.substr(3);
    if (line.starts_with("C: ")) {
      if (!co_await stream.write(text + "\r\n")) co_return;
      continue;
    }
    while (buffer.find("\r\n") == std::string::npos) {
      char bytes[4096];
      const auto got = co_await stream.read_some(bytes);
      if (!got || *got == 0) {
        heard.emplace_back(text, "(connection closed)");
        co_return;
      }
      buffer.append(bytes, *got);
    }
    heard.emplace_back(text, buffer.substr(0, buffer.find("\r\n")));
    buffer.erase(0, buffer.find("\r\n") + 2);
  }
  stream.close();
}

std::vector<std::string> transcript_lines(std::string_view transcript) {
  std::vector<std::string> lines;
  for (std::string_view line : split(transcript, '\n')) {
    line = trim(line);
    if (line == "C:")
      lines.emplace_back("C: ");
    else if (!line.empty())
      lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

TempFolder::TempFolder()
    : root_(std::filesystem::temp_directory_path() /
            ("hp-transport-" + to_hex(Guid::random().as_bytes()).substr(0, 12))) {
  std::filesystem::create_directories(root_);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void FakeDirectory::add(std::string address, Guid mailbox, std::string database,
                        std::string socket) {
  entries_[address] = {Resolved::Kind::kMailbox, mailbox, address, std::move(database),
                       std::move(socket)};
}

Resolved FakeDirectory::resolve(std::string_view address) const {
  if (down) return {};
  const auto found = entries_.find(ascii_lower(address));
  if (found != entries_.end()) {
    Resolved resolved = found->second;
    if (const auto quota = limits.find(resolved.mailbox); quota != limits.end())
      resolved.quota_bytes = quota->second.prohibit_receive_bytes;
    if (const auto most = message_bytes_max.find(resolved.mailbox);
        most != message_bytes_max.end())
      resolved.message_bytes_max = most->second;
    return resolved;
  }
  const bool ours = ascii_lower(address).ends_with("@example.org");
  return {ours ? Resolved::Kind::kUnknown : Resolved::Kind::kForeign};
}

Result<bool> FakeDirectory::is_accepted_domain(std::string_view domain) const {
  if (down) return fail(ErrorCode::kUnavailable, "down");
  return iequals(domain, "example.org");
}

Result<bool> FakeDirectory::owns_address(const Guid& mailbox, std::string_view address) const {
  if (down) return fail(ErrorCode::kUnavailable, "down");
  const auto found = entries_.find(ascii_lower(address));
  return found != entries_.end() && found->second.mailbox == mailbox;
}

Result<SenderRules> FakeDirectory::sender_rules(const Guid& mailbox) const {
  if (down) return fail(ErrorCode::kUnavailable, "down");
  SenderRules rules;
  for (const auto& [address, entry] : entries_) {
    if (entry.mailbox == mailbox) rules.socket = entry.socket;
  }
  if (const auto quota = limits.find(mailbox); quota != limits.end())
    rules.prohibit_send_bytes = quota->second.prohibit_send_bytes;
  if (const auto most = message_bytes_max.find(mailbox); most != message_bytes_max.end())
    rules.message_bytes_max = most->second;
  return rules;
}

Worker::Worker(asio::io_context& io, std::string socket, std::string folder, Guid guid,
               const FakeDirectory& directory)
    : io_(io),
      socket_(std::move(socket)),
      acceptor_(io.get_executor(), asio::local::stream_protocol::endpoint(socket_)),
      tasks_(io.get_executor()) {
  store::OpenOptions options;
  options.path = std::move(folder);
  options.guid = guid;
  options.create = true;
  options.index_bytes_max = 256 << 20;
  // The tests change limits only while no delivery is under way.
  options.limits = [&directory](const Guid& mailbox) {
    const auto found = directory.limits.find(mailbox);
    return found == directory.limits.end() ? store::MailboxLimits{} : found->second;
  };
  auto opened = store::Database::open(std::move(options));
  INFO((opened ? "" : opened.error().text));
  REQUIRE(opened);
  database_ = std::move(*opened);
  tasks_.spawn("accept", accept(acceptor_, tasks_, *database_));
}

Worker::~Worker() {
  tasks_.stop();
  std::error_code ignored;
  acceptor_.close(ignored);
  while (tasks_.size() > 0) io_.run_one_for(kPatience);
  std::filesystem::remove(socket_, ignored);
}

Task<void> Worker::accept(UnixAcceptor& acceptor, TaskGroup& tasks, store::Database& database) {
  for (;;) {
    UnixSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    co_await acceptor.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (code) co_return;
    tasks.spawn("serve", serve(std::move(socket), database));
  }
}

Task<void> Worker::serve(UnixSocket socket, store::Database& database) {
  [[maybe_unused]] auto ended = co_await serve_delivery(std::move(socket), database);
}

std::vector<std::string> Worker::inbox(const Guid& guid) const {
  std::vector<std::string> messages;
  const store::Snapshot snapshot = database_->snapshot();
  const auto mailbox = snapshot.mailbox(guid);
  if (!mailbox) return messages;
  const auto folder = snapshot.find_folder(mailbox->id, "INBOX");
  REQUIRE(folder);
  snapshot.for_each_message(folder->id, {1, UINT32_MAX}, [&](const store::Message& message) {
    const auto body = snapshot.body(message.body);
    REQUIRE(body);
    messages.emplace_back(body->bytes);
    return true;
  });
  return messages;
}

Rig::Rig() {
  directory.add("anna@example.org", anna, "DB1", socket_of("DB1"));
  directory.add("anna.alias@example.org", anna, "DB1", socket_of("DB1"));
  directory.add("bert@example.org", bert, "DB1", socket_of("DB1"));
  directory.add("carl@example.org", carl, "DB2", socket_of("DB2"));
  directory.add("postmaster@example.org", anna, "DB1", socket_of("DB1"));
  limits.tarpit = Milliseconds(0);
  limits.error_delay = Milliseconds(0);
  start_worker("DB1");
  start_worker("DB2");
  open_queue();
}

Rig::~Rig() {
  close_queue();
  clients.stop();
  TaskGroup tasks(io.get_executor());
  tasks.spawn("join", clients.join());
  wait_until([&] { return tasks.size() == 0; });
  workers.clear();
}

void Rig::start_worker(const std::string& name) {
  workers[name] = std::make_unique<Worker>(io, socket_of(name), folder.path(name),
                                           database_guid(name), directory);
}

void Rig::open_queue() {
  QueueOptions options;
  options.path = folder.path("queue");
  auto opened = Queue::open(io.get_executor(), std::move(options), clock);
  INFO((opened ? "" : opened.error().text));
  REQUIRE(opened);
  queue = std::move(*opened);
  queue_tasks_ = std::make_unique<TaskGroup>(io.get_executor());
  QueueWorld world{.carrier = carrier, .router = router};
  world.dsn = {.reporting_mta = "mail.example.org", .postmaster = "postmaster@example.org"};
  queue_tasks_->spawn("queue", queue->run(std::move(world)));
  services_ = std::make_unique<Services>(
      Services{directory, clients, *queue, clock, "mail.example.org", limits});
}

void Rig::close_queue() {
  queue_tasks_->stop();
  wait_until([&] { return queue_tasks_->size() == 0; });
  services_.reset();
  queue.reset();
}

link::SessionStart Rig::anonymous() const {
  link::SessionStart start;
  start.session = Guid::random();
  start.protocol = link::Protocol::kSmtp;
  start.client_address = "192.0.2.7";
  start.listener = "smtp";
  start.hello = "client.example.net";
  start.extended = true;
  return start;
}

link::SessionStart Rig::user() const {
  link::SessionStart start = anonymous();
  start.listener = "submission";
  start.tls = true;
  start.tls_version = "TLSv1.3";
  start.tls_cipher = "TLS_AES_128_GCM_SHA256";
  start.user = "anna@example.org";
  start.mailbox = anna;
  start.database = "DB1";
  return start;
}

void Rig::wait_until(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    io.restart();
    io.run_one_for(std::chrono::milliseconds(100));
  }
}

SessionEnd Rig::talk(const link::SessionStart& start, std::string_view transcript) {
  auto [server, client] = MemoryStream::pair(io.get_executor());
  std::vector<std::pair<std::string, std::string>> heard;
  std::optional<SessionEnd> end;
  TaskGroup tasks(io.get_executor());
  services_->limits = limits;
  tasks.spawn("server", keep_end(*server, start, *services_, end));
  tasks.spawn("client", follow(*client, transcript_lines(transcript), heard));
  wait_until([&] { return tasks.size() == 0; });
  for (const auto& [expected, said] : heard) {
    CAPTURE(expected, said);
    CHECK(matches(expected, said));
  }
  return *end;
}

std::string Rig::pipe(const link::SessionStart& start, const std::string& input,
                      std::size_t piece) {
  services_->limits = limits;
  ScriptStream stream(input, piece);
  wait_for(serve_smtp(stream, start, *services_));
  return stream.output;
}

}  // namespace hauspost::transport::test
