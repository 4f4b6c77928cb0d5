#include "transport/dns/channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <sys/time.h>

#include <asio/posix/basic_stream_descriptor.hpp>

#include <map>

#include "base/network.h"
#include "base/text.h"
#include "transport/dns/message.h"

namespace hauspost::dns {

namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

constexpr int kDnsPort = 53;

struct Question {
  std::function<void(std::string_view)> answered;
};

// One of c-ares's sockets. Shared with the handlers that wait on it.
struct Watch {
  explicit Watch(Executor executor) : descriptor(executor) {}
  Descriptor descriptor;
  bool wants_read = false;
  bool wants_write = false;
  bool reading = false;
  bool writing = false;
};

bool ready_library() {
  static const bool good = ::ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return good;
}

}  // namespace

struct Channel::State : std::enable_shared_from_this<Channel::State> {
  explicit State(Executor at) : executor(at), timer(at) {}

  void socket_changed(int fd, bool readable, bool writable);
  void watch(int fd, const std::shared_ptr<Watch>& watch);
  void wait(int fd, const std::shared_ptr<Watch>& watch, bool write);
  void process(int read_fd, int write_fd);
  void schedule();

  Executor executor;
  Timer timer;
  ares_channel channel = nullptr;
  std::map<int, std::shared_ptr<Watch>> watches;
  std::size_t under_way = 0;
};

// c-ares is about to close the socket when it wants neither: Asio must have let go of it before.
void Channel::State::socket_changed(int fd, bool readable, bool writable) {
  auto found = watches.find(fd);
  if (!readable && !writable) {
    if (found == watches.end()) return;
    found->second->descriptor.release();
    watches.erase(found);
    return;
  }
  if (found == watches.end()) {
    auto fresh = std::make_shared<Watch>(executor);
    std::error_code failed;
    fresh->descriptor.assign(fd, failed);
    if (failed) return;  // the time-out will tell
    found = watches.emplace(fd, std::move(fresh)).first;
  }
  found->second->wants_read = readable;
  found->second->wants_write = writable;
  watch(fd, found->second);
}

void Channel::State::watch(int fd, const std::shared_ptr<Watch>& watch) {
  if (watch->wants_read && !watch->reading) wait(fd, watch, false);
  if (watch->wants_write && !watch->writing) wait(fd, watch, true);
}

void Channel::State::wait(int fd, const std::shared_ptr<Watch>& watch, bool write) {
  bool& waiting = write ? watch->writing : watch->reading;
  waiting = true;
  watch->descriptor.async_wait(
      write ? Descriptor::wait_write : Descriptor::wait_read,
      [weak = weak_from_this(), fd, watch, write](const std::error_code& failed) {
        (write ? watch->writing : watch->reading) = false;
        const auto self = weak.lock();
        if (!self || self->channel == nullptr || failed) return;
        // The number may be another socket's by now.
        const auto current = self->watches.find(fd);
        if (current == self->watches.end() || current->second != watch) return;
        if (write ? watch->wants_write : watch->wants_read)
          self->process(write ? ARES_SOCKET_BAD : fd, write ? fd : ARES_SOCKET_BAD);
        const auto still = self->watches.find(fd);
        if (still != self->watches.end() && still->second == watch) self->watch(fd, watch);
      });
}

void Channel::State::process(int read_fd, int write_fd) {
  ::ares_process_fd(channel, read_fd, write_fd);
  schedule();
}

void Channel::State::schedule() {
  timeval least{};
  if (::ares_timeout(channel, nullptr, &least) == nullptr) {
    timer.cancel();
    return;
  }
  timer.expires_after(std::chrono::seconds(least.tv_sec) +
                      std::chrono::microseconds(least.tv_usec) + std::chrono::milliseconds(1));
  timer.async_wait([weak = weak_from_this()](const std::error_code& failed) {
    const auto self = weak.lock();
    if (!self || self->channel == nullptr || failed) return;
    self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

Result<std::unique_ptr<Channel>> Channel::open(Executor executor, const Options& options) {
  if (!ready_library()) return fail(ErrorCode::kInternal, "c-ares does not start");
  auto state = std::make_shared<State>(executor);
  ares_options settings{};
  settings.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  settings.ednspsz = kUdpBytesMax;
  settings.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count());
  settings.tries = options.tries;
  settings.sock_state_cb_data = state.get();
  settings.sock_state_cb = [](void* data, ares_socket_t fd, int readable, int writable) {
    static_cast<State*>(data)->socket_changed(fd, readable != 0, writable != 0);
  };
  const int given = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                    ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;
  if (const int code = ::ares_init_options(&state->channel, &settings, given);
      code != ARES_SUCCESS) {
    state->channel = nullptr;
    return fail(ErrorCode::kInternal, std::string("c-ares: ") + ::ares_strerror(code));
  }
  std::unique_ptr<Channel> channel(new Channel(state));
  std::string list;
  for (const std::string& server : options.servers) {
    if (!is_server(server)) return fail(ErrorCode::kInvalid, server + " is not an address");
    list += (list.empty() ? "" : ",") + server;
  }
  if (!list.empty() && ::ares_set_servers_ports_csv(state->channel, list.c_str()) != ARES_SUCCESS)
    return fail(ErrorCode::kInvalid, "DNS servers: " + list);
  return channel;
}

Channel::~Channel() {
  const ares_channel channel = state_->channel;
  if (channel != nullptr) ::ares_destroy(channel);  // calls back for sockets and questions
  state_->channel = nullptr;
  state_->timer.cancel();
}

void Channel::ask(const std::string& question, Answered answered) {
  struct Asked {
    State* state;
    Answered answered;
  };
  auto asked = std::make_unique<Asked>(Asked{state_.get(), std::move(answered)});
  ++state_->under_way;
  ::ares_send(
      state_->channel, reinterpret_cast<const unsigned char*>(question.data()),
      static_cast<int>(question.size()),
      [](void* data, int status, int, unsigned char* bytes, int size) {
        const std::unique_ptr<Asked> mine(static_cast<Asked*>(data));
        --mine->state->under_way;
        const bool good = status == ARES_SUCCESS && bytes != nullptr && size > 0;
        mine->answered(good ? std::string_view(reinterpret_cast<const char*>(bytes),
                                               static_cast<std::size_t>(size))
                            : std::string_view());
      },
      asked.release());
  state_->schedule();
}

std::size_t Channel::under_way() const { return state_->under_way; }

std::vector<std::string> Channel::servers() const {
  std::vector<std::string> all;
  ares_addr_port_node* nodes = nullptr;
  if (::ares_get_servers_ports(state_->channel, &nodes) != ARES_SUCCESS) return all;
  for (const ares_addr_port_node* node = nodes; node != nullptr; node = node->next) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(node->family, &node->addr, text, sizeof text);
    const bool v6 = node->family == AF_INET6;
    all.push_back((v6 ? "[" : "") + std::string(text) + (v6 ? "]:" : ":") +
                  std::to_string(node->udp_port != 0 ? node->udp_port : kDnsPort));
  }
  ::ares_free_data(nodes);
  return all;
}

std::string server_address(std::string_view server) {
  if (server.starts_with('[')) return std::string(server.substr(1, server.find(']') - 1));
  const auto colon = server.find(':');
  const bool v4_with_port = colon != std::string_view::npos && colon == server.rfind(':');
  return std::string(v4_with_port ? server.substr(0, colon) : server);
}

bool is_server(std::string_view server) {
  const std::string address = server_address(server);
  if (address.find('/') != std::string::npos || !Network::parse(address)) return false;
  std::string_view rest = server;
  if (server.starts_with('[')) {
    const auto end = server.find(']');
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  } else {
    rest.remove_prefix(address.size());
  }
  if (rest.empty()) return true;
  const auto port = rest.starts_with(':') ? parse_u64(rest.substr(1)) : std::nullopt;
  return port && *port > 0 && *port <= 65'535;
}

}  // namespace hauspost::dns
