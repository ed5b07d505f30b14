#include "flash.h"

// romflash_size tells the ROM how large the chip is. The header of what the ROM
// loads may have said less, and then it refuses what lies behind.
int romflash_size(void *configure, uint32_t size) {
	int (*config_param)(uint32_t id, uint32_t chip, uint32_t block, uint32_t sector, uint32_t page, uint32_t mask) = configure;
	return config_param(0, size, 0x10000, 0x1000, 0x100, 0xffff);
}
