#include <stdint.h>

// selector_jump clears memory, the selector's own data and stack last, and jumps
// to a program, which takes no return address and sets up a stack of its own.
// From the first store on nothing is in memory that this needs.
__attribute__((noinline, noreturn))
void selector_jump(uintptr_t entry, uintptr_t from, uintptr_t to) {
	uint32_t zero = 0;
	__asm__ volatile(
		"rsil a8, 15\n\t"
		"wsr %3, intenable\n\t"
		"rsync\n"
		"1:\n\t"
		"s32i %3, %1, 0\n\t"
		"addi %1, %1, 4\n\t"
		"bltu %1, %2, 1b\n\t"
		"memw\n\t"
		"jx %0\n"
		: "+r"(entry), "+r"(from)
		: "r"(to), "r"(zero)
		: "a8", "memory");
	__builtin_unreachable();
}
