#include "server/child/descriptor_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace hauspost::child {

namespace {

constexpr std::size_t kNamesBytesMax = kDescriptorsOnceMax * (kDescriptorNameBytesMax + 1);
constexpr std::size_t kControlBytes = CMSG_SPACE(kDescriptorsOnceMax * sizeof(int));

// Names, each with a line end; the descriptors stand beside them in the same order.
Result<> send_once(int channel, std::span<const NamedDescriptor> descriptors) {
  std::string names;
  std::vector<int> fds;
  for (const NamedDescriptor& one : descriptors) {
    if (one.name.empty() || one.name.size() > kDescriptorNameBytesMax ||
        one.name.find('\n') != std::string::npos) {
      return fail(ErrorCode::kInvalid, "not a descriptor's name: " + escape_for_log(one.name));
    }
    names += one.name + '\n';
    fds.push_back(one.fd);
  }
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec bytes{names.data(), names.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  ssize_t sent = 0;
  do sent = ::sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(names.size())) return {};
  return fail(ErrorCode::kUnavailable, errno_error("passing descriptors").text);
}

std::vector<int> descriptors_of(msghdr& message) {
  std::vector<int> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = fds.size();
    fds.resize(before + count);
    std::memcpy(fds.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  return fds;
}

void close_all(std::span<const int> fds) {
  for (const int fd : fds) ::close(fd);
}

}  // namespace

Result<std::pair<int, int>> make_descriptor_channel() {
  int ends[2];
  // Messages keep their bounds, and with them which descriptors belong to which names.
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return fail(errno_error("descriptor channel"));
  return std::pair{ends[0], ends[1]};
}

Result<> send_descriptors(int channel, std::span<const NamedDescriptor> descriptors) {
  while (!descriptors.empty()) {
    const std::size_t count = std::min(descriptors.size(), kDescriptorsOnceMax);
    TRY(send_once(channel, descriptors.first(count)));
    descriptors = descriptors.subspan(count);
  }
  return {};
}

Result<std::vector<NamedDescriptor>> take_descriptors(int channel) {
  std::vector<NamedDescriptor> taken;
  std::string names(kNamesBytesMax, '\0');
  for (;;) {
    alignas(cmsghdr) char control[kControlBytes];
    iovec bytes{names.data(), names.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return taken;  // nothing more now, or the other end is gone
    const std::vector<int> fds = descriptors_of(message);
    auto words = split(std::string_view(names).substr(0, static_cast<std::size_t>(got)), '\n');
    if (!words.empty() && words.back().empty()) words.pop_back();
    if (words.size() != fds.size() || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      close_all(fds);
      for (const NamedDescriptor& one : taken) ::close(one.fd);
      return fail(ErrorCode::kCorrupt, "descriptor channel: a message without its descriptors");
    }
    for (std::size_t i = 0; i < fds.size(); ++i) taken.push_back({std::string(words[i]), fds[i]});
  }
}

}  // namespace hauspost::child
